import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { TableFacts } from './table-facts.ts'

/** Columns whose values no two rows of a table have together, or exclude each other. */
export interface UniqueKey {
  readonly columns: readonly ColumnMetadata[]
  /** The positions of the columns that decide whether a row is in the index, and of those that are in it. */
  readonly places: ReadonlySet<number>
  readonly areNullsEqual: boolean
  /** Whether rows with other values may be refused: by an expression, or by the operators of an exclusion. */
  readonly isHazy: boolean
  readonly isExclusion: boolean
  /** Whether PostgreSQL checks it row by row. */
  readonly isImmediate: boolean
}

const known = new WeakMap<TableFacts, readonly UniqueKey[]>()

/** The unique keys of a table: those that it declares, and those that the database has. */
export function uniqueKeysOf(table: TableMetadata, facts: TableFacts): readonly UniqueKey[] {
  let keys = known.get(facts)
  if (keys === undefined) known.set(facts, (keys = findKeys(table, facts)))
  return keys
}

/** Whether a column, by its position, is part of a unique key. */
export function isInUniqueKey(table: TableMetadata, facts: TableFacts, place: number): boolean {
  return uniqueKeysOf(table, facts).some((key) => key.places.has(place))
}

/** Whether ON CONFLICT can name these columns: a unique index has exactly these, whatever else is in the row. */
export function isUniqueTogether(
  table: TableMetadata,
  facts: TableFacts,
  columns: readonly ColumnMetadata[],
): boolean {
  if (facts.known === undefined) {
    const places = placesOf(columns)
    return uniqueKeysOf(table, facts).some((key) => isSameSet(key.places, places))
  }
  const wanted = new Set(columns.map(({ name }) => name))
  return facts.known.uniques.some(
    ({ columns: own, others, isExclusion, isImmediate }) =>
      isImmediate && !isExclusion && others.length === 0 && isSameSet(new Set(own), wanted),
  )
}

function findKeys(table: TableMetadata, facts: TableFacts): readonly UniqueKey[] {
  const found = (facts.known?.uniques ?? []).flatMap((unique): UniqueKey[] => {
    const columns = declared(table, unique.columns)
    if (columns.length < unique.columns.length) return []
    const others = declared(table, unique.others)
    return [
      {
        columns,
        places: placesOf([...columns, ...others]),
        // An expression may make a value of NULL.
        areNullsEqual: unique.areNullsEqual || unique.hasExpressions,
        isHazy: unique.hasExpressions || unique.isExclusion,
        isExclusion: unique.isExclusion,
        isImmediate: unique.isImmediate,
      },
    ]
  })
  const lists = [
    table.primaryKey,
    ...table.columns.filter(({ unique }) => unique).map((column) => [column]),
    ...table.settings.unique,
  ]
  for (const columns of lists) {
    const places = placesOf(columns)
    if (found.some((key) => isSameSet(key.places, places))) continue
    found.push({
      columns,
      places,
      areNullsEqual: false,
      isHazy: false,
      isExclusion: false,
      isImmediate: true,
    })
  }
  return found
}

function declared({ columns }: TableMetadata, names: readonly string[]): readonly ColumnMetadata[] {
  return names.flatMap((name) => columns.find((column) => column.name === name) ?? [])
}

function placesOf(columns: readonly ColumnMetadata[]): ReadonlySet<number> {
  return new Set(columns.map(({ position }) => position))
}

function isSameSet<T>(one: ReadonlySet<T>, other: ReadonlySet<T>): boolean {
  return one.size === other.size && [...one].every((item) => other.has(item))
}
