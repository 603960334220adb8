import { and, type Condition, count, exists, not, or, scalar, sql } from '../../../../orm/index.ts'
import { type Cell, cells, integerCell, type Kind } from './cells.ts'
import {
  type Both,
  call,
  type Drawing,
  type Env,
  type Operand,
  type Refs,
  type Scope,
  type Truth,
} from './operands.ts'
import type { Row } from './tables.ts'

const holds: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  gt: (a, b) => a > b,
  gte: (a, b) => a >= b,
  lt: (a, b) => a < b,
  lte: (a, b) => a <= b,
}
const operators = Object.keys(holds)

export const every = (truths: readonly Truth[]): Truth =>
  truths.includes(false) ? false : truths.includes(null) ? null : true
const some = (truths: readonly Truth[]): Truth =>
  truths.includes(true) ? true : truths.includes(null) ? null : false
const negated = (truth: Truth): Truth => (truth === null ? null : !truth)

const condition = (refs: Refs, method: string, ...given: readonly unknown[]): Condition =>
  call(refs, method, ...given) as Condition

/** Draws conditions on the rows of the scopes, which see those around them too. */
export function conditionOf(draw: Drawing, scopes: readonly Scope[], levels: number): Both {
  const make = (inner: readonly Scope[]): Both => conditionOf(draw, inner, levels - 1)
  if (levels <= 0) return comparison(draw, draw.column(scopes), () => draw.column(scopes))
  if (draw.find !== undefined && draw.chance(6)) return subQuery(draw, draw.find, scopes, make)
  const kind = draw.pick('compare', 'compare', 'join', 'not', 'raw', 'many', 'many', 'one', 'count')
  if (kind === 'compare') {
    const left = draw.column(scopes)
    return comparison(draw, left, () => draw.column(scopes, left.kind))
  }
  if (kind === 'count') {
    return comparison(draw, draw.count(scopes, make, and), () =>
      draw.chance(2) ? draw.count(scopes, make, and) : draw.column(scopes, 'integer'),
    )
  }
  if (kind === 'not') {
    const of = make(scopes)
    return { write: (refs) => not(of.write(refs)), holds: (env) => negated(of.holds(env)) }
  }
  if (kind === 'raw') {
    // An OR without parentheses: what stands around it has to keep it together.
    const [one, other] = [make(scopes), make(scopes)]
    return {
      write: (refs) => sql`(${one.write(refs)}) or (${other.write(refs)})`,
      holds: (env) => some([one.holds(env), other.holds(env)]),
    }
  }
  if (kind === 'join') {
    const parts = Array.from({ length: draw.pick(0, 1, 2, 2, 3) }, () => make(scopes))
    const isAnd = draw.chance(2)
    return {
      write: (refs) => (isAnd ? and : or)(...parts.map(({ write }) => write(refs))),
      holds: (env) => (isAnd ? every : some)(parts.map((part) => part.holds(env))),
    }
  }
  return relation(draw, scopes, kind === 'many', make) ?? make(scopes)
}

/** A condition that is not your own SQL: as a value it holds or not. */
export function flagOf(draw: Drawing, scopes: readonly Scope[], levels: number): Both {
  const of = conditionOf(draw, scopes, levels)
  return { write: (refs) => not(of.write(refs)), holds: (env) => negated(of.holds(env)) }
}

type Quantifier = (truths: readonly boolean[]) => boolean

const quantifiers: Readonly<Record<string, Quantifier>> = {
  any: (truths) => truths.includes(true),
  has: (truths) => truths.includes(true),
  none: (truths) => !truths.includes(true),
  every: (truths) => !truths.includes(false),
}

function relation(
  draw: Drawing,
  scopes: readonly Scope[],
  isMany: boolean,
  make: (scopes: readonly Scope[]) => Both,
): Both | undefined {
  const drawn = draw.relation(scopes, isMany, make)
  if (drawn === undefined) return undefined
  const method = isMany ? draw.pick('any', 'none', 'every') : 'has'
  const quantifier = quantifiers[method] as Quantifier
  return {
    write: (refs) => drawn.write(refs, method, and) as Condition,
    holds: (env) => quantifier(drawn.rows(env).map((row) => drawn.isMeant(env, row))),
  }
}

/** A query of a table in a condition: whether it has a row, whether a value is one of its, how many rows it has. */
function subQuery(
  draw: Drawing,
  find: (table: string) => Refs,
  scopes: readonly Scope[],
  make: (scopes: readonly Scope[]) => Both,
): Both {
  const table = draw.pick('Person', 'Post', 'Tag')
  const inner = [...scopes, { table }]
  const where = make(inner)
  const query = (refs: readonly Refs[]): Refs =>
    call(find(table), 'filter', (row: Refs) => where.write([...refs, row])) as Refs
  const rows = (env: Env): readonly Row[] =>
    (draw.world[table] ?? []).filter((row) => where.holds([...env, row]) === true)
  const how = draw.pick('exists', 'in', 'notIn', 'count')
  if (how === 'exists')
    return {
      write: (refs) => exists(query(refs) as never),
      holds: (env) => rows(env).length > 0,
    }
  if (how === 'count') {
    const least = draw.pick(0, 1, 2)
    return {
      write: (refs) => {
        const rowsOf = call(query(refs), 'select', () => ({ n: count() }))
        return scalar(rowsOf as never).gt(least)
      },
      holds: (env) => rows(env).length > least,
    }
  }
  const left = draw.column(scopes)
  const value = draw.column(inner, left.kind)
  return {
    write: (refs) =>
      condition(
        left.write(refs),
        how,
        call(query(refs), 'select', (row: Refs) => ({ value: value.write([...refs, row]) })),
      ),
    holds: (env) => {
      const values = rows(env).map((row) => value.read([...env, row]))
      const cell = left.read(env)
      if (how === 'notIn') {
        const known = values.filter((each) => each !== null)
        if (known.length === 0) return true
        return cell && !known.some(({ rank }) => rank === cell.rank)
      }
      if (values.length === 0) return false
      if (cell === null) return null
      if (values.some((each) => each?.rank === cell.rank)) return true
      return values.includes(null) ? null : false
    },
  }
}

export function comparison(draw: Drawing, left: Operand, other: () => Operand): Both {
  const { kind } = left
  const how = draw.pick('value', 'value', 'column', 'list', 'between', 'null', 'pattern')
  if (how === 'column') {
    const right = other()
    if (right.kind === kind) return betweenOperands(left, draw.pick(...operators), right)
  }
  if (how === 'list') return list(draw, left)
  if (how === 'between') {
    const [low, high] = [value(draw, kind), value(draw, kind)]
    return {
      write: (refs) => condition(left.write(refs), 'between', low.value, high.value),
      holds: (env) => {
        const cell = left.read(env)
        return cell && cell.place >= low.place && cell.place <= high.place
      },
    }
  }
  if (how === 'null') {
    const isNull = draw.chance(2)
    const written: readonly [string, ...unknown[]] = draw.chance(2)
      ? [isNull ? 'isNull' : 'isNotNull']
      : [isNull ? 'eq' : 'ne', null]
    return {
      write: (refs) => condition(left.write(refs), ...written),
      holds: (env) => (left.read(env) === null) === isNull,
    }
  }
  if (how === 'pattern' && kind === 'text') return pattern(draw, left)
  const [method, right] = [draw.pick(...operators), value(draw, kind)]
  return {
    write: (refs) => condition(left.write(refs), method, right.value),
    holds: (env) => {
      const cell = left.read(env)
      return cell && (holds[method]?.(cell.place, right.place) ?? null)
    },
  }
}

function betweenOperands(left: Operand, method: string, right: Operand): Both {
  return {
    write: (refs) => condition(left.write(refs), method, right.write(refs)),
    holds: (env) => {
      const [a, b] = [left.read(env), right.read(env)]
      return a && b && (holds[method]?.(a.rank, b.rank) ?? null)
    },
  }
}

function list(draw: Drawing, left: Operand): Both {
  const values = Array.from({ length: draw.pick(0, 1, 2, 3) }, () => value(draw, left.kind))
  const isIn = draw.chance(2)
  return {
    write: (refs) =>
      condition(
        left.write(refs),
        isIn ? 'in' : 'notIn',
        values.map((each) => each.value),
      ),
    holds: (env) => {
      // Of no values nothing is one of them, NULL included.
      if (values.length === 0) return !isIn
      const cell = left.read(env)
      return cell && values.some(({ place }) => place === cell.place) === isIn
    },
  }
}

const patterns: readonly [method: string, pattern: string, matches: RegExp][] = [
  ['like', 'a%', /^a/],
  ['like', '_', /^.$/],
  ['like', '%B%', /B/],
  ['ilike', '%B%', /b/i],
  ['ilike', '', /^$/],
]

function pattern(draw: Drawing, left: Operand): Both {
  const [method, text, matches] = draw.pick(...patterns)
  return {
    write: (refs) => condition(left.write(refs), method, text),
    holds: (env) => {
      const cell = left.read(env)
      return cell && matches.test(cell.text)
    },
  }
}

function value(draw: Drawing, kind: Kind): Cell {
  return kind === 'integer' ? integerCell(draw.pick(-1, 0, 1, 2, 3)) : draw.pick(...cells[kind])
}
