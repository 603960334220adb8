import { and, type Condition, or } from '../../../../orm/index.ts'
import type { Cell, Kind } from '../../sql/model/cells.ts'
import { comparison, every } from '../../sql/model/conditions.ts'
import {
  type Both,
  call,
  type Drawing,
  type Operand,
  type Refs,
  type Sorting,
  sorting,
} from '../../sql/model/operands.ts'
import type { Row } from '../../sql/model/tables.ts'

/** A query of plain rows twice: as it is sent, and the rows that it gives. */
export interface Pipe {
  readonly query: Refs
  readonly rows: readonly Row[]
  /** What the rows have, by its name. */
  readonly kinds: Readonly<Record<string, Kind>>
  /** Whether the order of the rows is known; of rows that are equal in all columns it makes no difference. */
  readonly isOrdered: boolean
  /** Whether the order is one of the columns, and not of what is no longer selected. */
  readonly isOfColumns: boolean
}

/** A column of plain rows. */
const columnOf = ({ kinds }: Pipe, name: string): Operand => ({
  kind: kinds[name] as Kind,
  write: ([row]) => (row as Refs)[name] as Refs,
  read: ([row]) => row?.[name] ?? null,
})

export const namesOf = ({ kinds }: Pipe): string[] => Object.keys(kinds)

/** The same of equal rows. NULL is equal to NULL here. */
const keyOf = (row: Row, names: readonly string[]): string =>
  names.map((name) => row[name]?.rank ?? 'null').join()

/** The first of each of the rows that are equal in some columns. */
function firsts(rows: readonly Row[], names: readonly string[]): Row[] {
  const found = new Map<string, Row>()
  for (const row of rows) {
    const key = keyOf(row, names)
    if (!found.has(key)) found.set(key, row)
  }
  return [...found.values()]
}

export function groupsOf(rows: readonly Row[], names: readonly string[]): Row[][] {
  const found = Map.groupBy(rows, (row) => keyOf(row, names))
  return [...found.values()]
}

function conditionOn(draw: Drawing, pipe: Pipe): Both {
  const column = (kind?: Kind): Operand => {
    const names = namesOf(pipe).filter((name) => kind === undefined || pipe.kinds[name] === kind)
    return columnOf(pipe, draw.pick(...names))
  }
  const one = (): Both => {
    const left = column()
    return comparison(draw, left, () => column(left.kind))
  }
  if (draw.chance(2)) return one()
  const parts = [one(), one()]
  const isAnd = draw.chance(2)
  return {
    write: (refs) => (isAnd ? and : or)(...parts.map(({ write }) => write(refs))),
    holds: (env) => {
      const truths = parts.map(({ holds }) => holds(env))
      return isAnd
        ? every(truths)
        : truths.includes(true)
          ? true
          : truths.includes(null)
            ? null
            : false
    },
  }
}

export function filter(draw: Drawing, pipe: Pipe): Pipe {
  const condition = conditionOn(draw, pipe)
  return {
    ...pipe,
    query: call(pipe.query, 'filter', (row: Refs): Condition => condition.write([row])) as Refs,
    rows: pipe.rows.filter((row) => condition.holds([row]) === true),
  }
}

/** Those whose value is one of another query's, or none of them. */
export function among(draw: Drawing, pipe: Pipe): Pipe {
  const name = draw.pick(...namesOf(pipe))
  const other = draw.chance(2) ? page(draw, pipe) : filter(draw, pipe)
  const of = draw.pick(...namesOf(pipe).filter((each) => pipe.kinds[each] === pipe.kinds[name]))
  const method = draw.pick('in', 'notIn')
  const values = call(other.query, 'select', (row: Refs) => ({ value: row[of] }))
  const known = new Set(other.rows.flatMap((row) => row[of]?.rank ?? []))
  const isIn = (row: Row): boolean => {
    const cell = row[name] ?? null
    if (method === 'in') return cell !== null && known.has(cell.rank)
    return known.size === 0 || (cell !== null && !known.has(cell.rank))
  }
  return {
    ...pipe,
    query: call(
      pipe.query,
      'filter',
      (row: Refs) => call(row[name] as Refs, method, values) as Condition,
    ) as Refs,
    rows: pipe.rows.filter(isIn),
  }
}

/** An order of all columns, which leaves nothing to chance. */
export function totalOrder(draw: Drawing, pipe: Pipe, first: readonly string[] = []): Sorting[] {
  const rest = namesOf(pipe).filter((name) => !first.includes(name))
  const shuffled = rest
    .map((name) => [draw.pick(0, 1, 2, 3), name] as const)
    .toSorted(([a], [b]) => a - b)
  return [...first, ...shuffled.map(([, name]) => name)].map((name) =>
    sorting(draw, columnOf(pipe, name)),
  )
}

export const compareBy =
  (orders: readonly Sorting[]) =>
  (a: Row, b: Row): number => {
    for (const { compare } of orders) {
      const order = compare([a], [b])
      if (order !== 0) return order
    }
    return 0
  }

export function order(draw: Drawing, pipe: Pipe, first: readonly string[] = []): Pipe {
  const orders = totalOrder(draw, pipe, first)
  return {
    ...pipe,
    query: call(pipe.query, 'orderBy', (row: Refs) =>
      orders.map(({ write }) => write([row])),
    ) as Refs,
    rows: pipe.rows.toSorted(compareBy(orders)),
    isOrdered: true,
    isOfColumns: true,
  }
}

export function page(draw: Drawing, given: Pipe): Pipe {
  const pipe = order(draw, given)
  const limit = draw.pick(0, 2, 3, 4, 8, 8)
  const offset = draw.pick(undefined, undefined, 1, 2)
  const limited = call(pipe.query, 'limit', limit) as Refs
  return {
    ...pipe,
    query: offset === undefined ? limited : (call(limited, 'offset', offset) as Refs),
    rows: pipe.rows.slice(offset ?? 0, (offset ?? 0) + limit),
  }
}

export function distinct(draw: Drawing, given: Pipe): Pipe {
  const names = namesOf(given)
  if (draw.chance(2)) {
    const pipe = given.isOfColumns ? given : order(draw, given)
    const rows = firsts(pipe.rows, names)
    return { ...pipe, query: call(pipe.query, 'distinct') as Refs, rows, isOrdered: false }
  }
  const on = [draw.pick(...names)]
  const pipe = order(draw, given, on)
  const query = call(pipe.query, 'distinct', (row: Refs) => on.map((name) => row[name]))
  return { ...pipe, query: query as Refs, rows: firsts(pipe.rows, on) }
}

export function cte(draw: Drawing, pipe: Pipe): Pipe {
  const options = draw.pick({}, { materialized: true }, { materialized: false })
  return { ...pipe, query: call(pipe.query, 'cte', options) as Refs }
}

export function combine(draw: Drawing, pipe: Pipe): Pipe {
  const names = namesOf(pipe)
  const other = draw.chance(2) ? filter(draw, pipe) : page(draw, pipe)
  const method = draw.pick('union', 'unionAll', 'intersect', 'except')
  const has = new Set(other.rows.map((row) => keyOf(row, names)))
  const rows = {
    union: () => firsts([...pipe.rows, ...other.rows], names),
    unionAll: () => [...pipe.rows, ...other.rows],
    intersect: () => firsts(pipe.rows, names).filter((row) => has.has(keyOf(row, names))),
    except: () => firsts(pipe.rows, names).filter((row) => !has.has(keyOf(row, names))),
  }[method]()
  return {
    ...pipe,
    query: call(pipe.query, method, other.query) as Refs,
    rows,
    isOrdered: false,
    isOfColumns: true,
  }
}

/** The same values under other names, some of them left out. */
export function select(draw: Drawing, pipe: Pipe): Pipe {
  const names = namesOf(pipe)
  const kept = names.filter(() => draw.chance(4) === false)
  const chosen = kept.length === 0 ? names : kept
  const renamed = chosen.map(
    (name) =>
      [draw.chance(3) ? `${name}"${draw.pick('#', '🙈', 'x'.repeat(70))}` : name, name] as const,
  )
  return {
    query: call(pipe.query, 'select', (row: Refs) =>
      Object.fromEntries(renamed.map(([to, from]) => [to, row[from]])),
    ) as Refs,
    rows: pipe.rows.map((row) =>
      Object.fromEntries(renamed.map(([to, from]) => [to, row[from] as Cell | null])),
    ),
    kinds: Object.fromEntries(renamed.map(([to, from]) => [to, pipe.kinds[from] as Kind])),
    isOrdered: pipe.isOrdered,
    isOfColumns: false,
  }
}
