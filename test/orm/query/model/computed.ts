import {
  count,
  countDistinct,
  denseRank,
  type Expression,
  firstValue,
  lag,
  max,
  min,
  over,
  rank,
  rowNumber,
  sum,
} from '../../../../orm/index.ts'
import { type Cell, integerCell, type Kind } from '../../sql/model/cells.ts'
import { call, type Drawing, type Refs } from '../../sql/model/operands.ts'
import type { Row } from '../../sql/model/tables.ts'
import { compareBy, groupsOf, namesOf, type Pipe, totalOrder } from './pipe.ts'

/** A value of several rows twice. */
interface Summary {
  readonly kind: Kind
  readonly write: (row: Refs) => Expression<unknown>
  readonly read: (rows: readonly Row[]) => Cell | null
  /** Whether equal values count once, which windows do not have. */
  readonly isDistinct?: true
}

const column = (row: Refs, name: string): never => row[name] as never

// PostgreSQL has no smallest boolean, and no smallest UUID before 18.
const sorted: readonly Kind[] = [
  'integer',
  'text',
  'date',
  'numeric',
  'timestamptz',
  'mood',
  'double',
]

function summary(draw: Drawing, pipe: Pipe): Summary {
  const name = draw.pick(...namesOf(pipe))
  const kind = pipe.kinds[name] as Kind
  const cells = (rows: readonly Row[]): Cell[] => rows.flatMap((row) => row[name] ?? [])
  const how = draw.pick('rows', 'count', 'distinct', 'min', 'max', 'sum')
  const integer = (
    write: (row: Refs) => Expression<unknown>,
    read: (rows: readonly Row[]) => number,
  ): Summary => ({ kind: 'integer', write, read: (rows) => integerCell(read(rows)) })
  if (how === 'count')
    return integer(
      (row) => count(column(row, name)),
      (rows) => cells(rows).length,
    )
  if (how === 'distinct') {
    const different = (rows: readonly Row[]) => new Set(cells(rows).map(({ rank: place }) => place))
    return {
      ...integer(
        (row) => countDistinct(column(row, name)),
        (rows) => different(rows).size,
      ),
      isDistinct: true,
    }
  }
  if ((how === 'min' || how === 'max') && sorted.includes(kind)) {
    return {
      kind,
      write: (row) => (how === 'min' ? min : max)(column(row, name)),
      read: (rows) =>
        cells(rows).toSorted((a, b) => (how === 'min' ? a.rank - b.rank : b.rank - a.rank))[0] ??
        null,
    }
  }
  if (how === 'sum' && kind === 'integer') {
    return {
      kind,
      write: (row) => sum(column(row, name)),
      read: (rows) => {
        const found = cells(rows)
        return found.length === 0
          ? null
          : integerCell(found.reduce((all, { rank }) => all + rank, 0))
      },
    }
  }
  return integer(
    () => count(),
    (rows) => rows.length,
  )
}

/** Groups of the rows, or one row of all. */
export function group(draw: Drawing, pipe: Pipe): Pipe {
  const names = namesOf(pipe)
  const by = draw.chance(4) ? [] : names.filter((_, index) => index === 0 || draw.chance(3))
  const summaries = { s1: summary(draw, pipe), s2: summary(draw, pipe) }
  const least = draw.pick(undefined, 1, 2)
  const select = (row: Refs) => ({
    ...Object.fromEntries(by.map((name) => [name, row[name]])),
    ...Object.fromEntries(Object.entries(summaries).map(([name, { write }]) => [name, write(row)])),
  })
  const groups = by.length === 0 ? [[...pipe.rows]] : groupsOf(pipe.rows, by)
  const isHaving = by.length > 0 && least !== undefined
  let query = pipe.query
  if (by.length > 0)
    query = call(query, 'groupBy', (row: Refs) => by.map((name) => row[name])) as Refs
  if (isHaving) query = call(query, 'having', () => count().gt(least)) as Refs
  return {
    query: call(query, 'select', select) as Refs,
    rows: groups
      .filter((rows) => !isHaving || rows.length > least)
      .map((rows) => ({
        ...Object.fromEntries(by.map((name) => [name, rows[0]?.[name] ?? null])),
        ...Object.fromEntries(
          Object.entries(summaries).map(([name, { read }]) => [name, read(rows)]),
        ),
      })),
    kinds: {
      ...Object.fromEntries(by.map((name) => [name, pipe.kinds[name] as Kind])),
      s1: summaries.s1.kind,
      s2: summaries.s2.kind,
    },
    isOrdered: false,
    isOfColumns: true,
  }
}

/** All values, and one of a window over the rows. */
export function window(draw: Drawing, pipe: Pipe): Pipe {
  const names = namesOf(pipe)
  const parts = draw.chance(3) ? [] : [draw.pick(...names)]
  const orders = totalOrder(draw, pipe)
  const compare = compareBy(orders)
  const of = draw.pick(...names)
  const how = draw.pick('number', 'rank', 'dense', 'lag', 'first', 'all', 'soFar')
  const all = summary(draw, pipe)
  if (all.isDistinct === true) return pipe
  const placed = (rows: readonly Row[], row: Row): Cell | null => {
    const inOrder = rows.toSorted(compare)
    const before = inOrder.filter((other) => compare(other, row) < 0)
    const upTo = inOrder.filter((other) => compare(other, row) <= 0)
    // Equal rows are told apart by their identity: which of them comes first makes no difference to all together.
    const at = inOrder.indexOf(row)
    if (how === 'number') return integerCell(at + 1)
    if (how === 'rank') return integerCell(before.length + 1)
    if (how === 'dense') {
      const different = before.filter(
        (other, index) => index === 0 || compare(before[index - 1] as Row, other) !== 0,
      )
      return integerCell(different.length + 1)
    }
    if (how === 'lag') return inOrder[at - 1]?.[of] ?? null
    if (how === 'first') return inOrder[0]?.[of] ?? null
    return all.read(how === 'all' ? rows : upTo)
  }
  const functions = { number: rowNumber, rank, dense: denseRank }
  const write = (row: Refs): Expression<unknown> => {
    const partitionBy = parts.map((name) => column(row, name))
    const orderBy = orders.map((each) => each.write([row]))
    if (how === 'all') return over(all.write(row) as never, { partitionBy })
    if (how === 'soFar') return over(all.write(row) as never, { partitionBy, orderBy })
    if (how === 'lag') return over(lag(column(row, of)), { partitionBy, orderBy })
    if (how === 'first') return over(firstValue(column(row, of)), { partitionBy, orderBy })
    return over(functions[how](), { partitionBy, orderBy })
  }
  const kind: Kind =
    how === 'lag' || how === 'first'
      ? (pipe.kinds[of] as Kind)
      : how === 'all' || how === 'soFar'
        ? all.kind
        : 'integer'
  // Equal rows of two pipes may be one object.
  const own = pipe.rows.map((row) => ({ ...row }))
  const values = new Map<Row, Cell | null>()
  for (const rows of groupsOf(own, parts))
    for (const row of rows) values.set(row, placed(rows, row))
  return {
    query: call(pipe.query, 'select', (row: Refs) => ({
      ...Object.fromEntries(names.map((name) => [name, row[name]])),
      w: write(row),
    })) as Refs,
    rows: own.map((row) => ({ ...row, w: values.get(row) ?? null })),
    kinds: { ...pipe.kinds, w: kind },
    isOrdered: false,
    isOfColumns: false,
  }
}
