import type { GeneratorValue } from 'fast-check'
import fc from 'fast-check'
import type { Condition, Order } from '../../../../orm/index.ts'
import { type Cell, integerCell, type Kind } from './cells.ts'
import { follow, modelOf, type Row, type World } from './tables.ts'

/** What callbacks see, without the types: tables and columns are drawn. */
export interface Refs {
  (...given: readonly unknown[]): unknown
  readonly [name: string]: Refs
}

export const call = (refs: Refs, method: string, ...given: readonly unknown[]): unknown =>
  (refs[method] as Refs)(...given)

/** The queries around a place, the outermost first: their tables, and for each a row and its references. */
export interface Scope {
  readonly table: string
}
export type Env = readonly Row[]

/** SQL has three: where a comparison meets NULL it is neither true nor false. */
export type Truth = boolean | null

/** A condition twice: as it is sent, and as JavaScript understands it. */
export interface Both {
  readonly write: (refs: readonly Refs[]) => Condition
  readonly holds: (env: Env) => Truth
}

/** A value twice. */
export interface Operand {
  readonly kind: Kind
  readonly write: (refs: readonly Refs[]) => Refs
  readonly read: (env: Env) => Cell | null
}

/** A row behind to-one relations of one of the scopes. */
interface Way {
  readonly table: string
  readonly write: (refs: readonly Refs[]) => Refs
  readonly read: (env: Env) => Row | undefined
}

export type MakeCondition = (scopes: readonly Scope[]) => Both

export class Drawing {
  readonly gen: GeneratorValue
  readonly world: World
  /** Begins a query of a table, where conditions may have queries in them. */
  readonly find: ((table: string) => Refs) | undefined

  constructor(gen: GeneratorValue, world: World, find?: (table: string) => Refs) {
    this.gen = gen
    this.world = world
    this.find = find
  }

  /** One of them. */
  pick<T>(...items: readonly T[]): T {
    return this.gen(fc.constantFrom<T[]>, ...items)
  }

  /** True once in so many times. */
  chance(times: number): boolean {
    return this.gen(fc.integer, { min: 1, max: times }) === 1
  }

  way(scopes: readonly Scope[]): Way {
    // The innermost most often.
    const index = this.chance(4) ? this.pick(...scopes.keys()) : scopes.length - 1
    let way: Way = {
      table: (scopes[index] as Scope).table,
      write: (refs) => refs[index] as Refs,
      read: (env) => env[index],
    }
    for (let steps = this.pick(0, 0, 0, 1, 2, 3); steps > 0; steps -= 1) {
      const names = Object.entries(modelOf(way.table).relations).filter(([, { isMany }]) => !isMany)
      if (names.length === 0) break
      const [name, { target }] = this.pick(...names)
      const { table, write, read } = way
      way = {
        table: target,
        write: (refs) => write(refs)[name] as Refs,
        read: (env) => {
          const row = read(env)
          return row && follow(this.world, table, name, row)[0]
        },
      }
    }
    return way
  }

  column(scopes: readonly Scope[], wanted?: Kind): Operand {
    const way = this.way(scopes)
    const columns = Object.entries(modelOf(way.table).kinds).filter(
      ([, kind]) => wanted === undefined || kind === wanted,
    )
    if (columns.length === 0) return this.column(scopes.slice(0, 1), wanted)
    const [name, kind] = this.pick(...columns)
    return {
      kind,
      write: (refs) => way.write(refs)[name] as Refs,
      read: (env) => way.read(env)?.[name] ?? null,
    }
  }

  /** A relation to many rows, with the rows behind it that are meant. */
  relation(scopes: readonly Scope[], isMany: boolean, make: MakeCondition) {
    const way = this.way(scopes)
    const names = Object.entries(modelOf(way.table).relations).filter(
      ([, relation]) => relation.isMany === isMany,
    )
    if (names.length === 0) return undefined
    const [name, { target }] = this.pick(...names)
    const inner = this.chance(5) ? undefined : make([...scopes, { table: target }])
    // A condition that is built outside means the same inside.
    const outer = this.chance(5) ? make(scopes) : undefined
    return {
      write: (refs: readonly Refs[], method: string, and: (...all: Condition[]) => Condition) => {
        const relation = way.write(refs)[name] as Refs
        const before = outer?.write(refs)
        if (inner === undefined && before === undefined && method !== 'every')
          return (relation[method] as Refs)()
        return (relation[method] as Refs)((row: Refs) =>
          and(
            ...(inner === undefined ? [] : [inner.write([...refs, row])]),
            ...(before === undefined ? [] : [before]),
          ),
        )
      },
      rows: (env: Env): readonly Row[] => {
        const row = way.read(env)
        return row === undefined ? [] : follow(this.world, way.table, name, row)
      },
      isMeant: (env: Env, row: Row): boolean =>
        (inner?.holds([...env, row]) ?? inner === undefined) &&
        (outer?.holds(env) ?? outer === undefined),
    }
  }

  count(
    scopes: readonly Scope[],
    make: MakeCondition,
    and: (...all: Condition[]) => Condition,
  ): Operand {
    const relation = this.relation(scopes, true, make)
    if (relation === undefined) return this.column(scopes, 'integer')
    return {
      kind: 'integer',
      write: (refs) => relation.write(refs, 'count', and) as Refs,
      // Of no row there are none, also where that is because the owner is missing.
      read: (env) =>
        integerCell(relation.rows(env).filter((row) => relation.isMeant(env, row)).length),
    }
  }
}

/** An order twice. */
export interface Sorting {
  readonly write: (refs: readonly Refs[]) => Order
  readonly compare: (a: Env, b: Env) => number
}

/** By whether a condition holds. */
export function sortingBy(draw: Drawing, { write, holds }: Both): Sorting {
  const direction = draw.pick('asc', 'desc')
  const place = (env: Env): number => ((holds(env) === true) === (direction === 'asc') ? 1 : 0)
  return {
    write: (refs) => write(refs)[direction](),
    compare: (a, b) => place(a) - place(b),
  }
}

export function sorting(draw: Drawing, by: Operand): Sorting {
  const direction = draw.pick('asc', 'desc')
  const nulls = draw.pick(undefined, 'nullsFirst', 'nullsLast')
  const nullsFirst = nulls === undefined ? direction === 'desc' : nulls === 'nullsFirst'
  return {
    write: (refs) => {
      const order = call(by.write(refs), direction)
      return (nulls === undefined ? order : call(order as Refs, nulls)) as Order
    },
    compare: (a, b) => {
      const [one, other] = [by.read(a), by.read(b)]
      if (one === null || other === null) {
        if (one === other) return 0
        return (one === null) === nullsFirst ? -1 : 1
      }
      return direction === 'asc' ? one.rank - other.rank : other.rank - one.rank
    },
  }
}
