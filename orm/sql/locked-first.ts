import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { quote, quoteTable } from './identifier.ts'
import type { TableFacts } from './table-facts.ts'
import { uniqueKeysOf } from './unique-keys.ts'

/**
 * A condition that is always true, for a write of several rows whose keys are its first parameters. Before the first row
 * is written, it locks all of them in the order of the primary key, so that two writes of the same rows wait for each other
 * and never deadlock. Without it the order is that of the plan: of the keys, or of the table.
 *
 * @param changed the columns that an UPDATE sets; undefined for a DELETE
 */
export function lockedFirst(
  table: TableMetadata,
  facts: TableFacts,
  changed?: readonly ColumnMetadata[],
): string {
  if (!facts.mayLock) return ''
  const { primaryKey } = table
  const casts = primaryKey.map((column) => facts.castsOf(column))
  const arrays = casts.map(({ arrayCast }, index) => `$${index + 1}::${arrayCast}`)
  const names = primaryKey.map(({ name }) => quote(name))
  const isList = primaryKey.length === 1 && casts[0]?.itemCast === ''
  const items = casts.map(({ itemCast }, index) => `keys.${quote(`#${index}`)}${itemCast}`)
  const keys = casts.map((_, index) => quote(`#${index}`)).join(', ')
  const condition = isList
    ? `${names[0]} = any(${arrays[0]})`
    : `(${names.join(', ')}) in (select ${items.join(', ')} from unnest(${arrays.join(', ')}) as keys (${keys}))`
  const strength = changed === undefined || areInKeys(table, facts, changed) ? '' : 'no key '
  return (
    ` and (select count(*) from (select from ${quoteTable(table)} where ${condition} ` +
    `order by ${names.join(', ')} for ${strength}update) as locked) >= 0`
  )
}

/** Whether one of the columns is in a unique key, so that rows of other tables may refer to it. */
function areInKeys(
  table: TableMetadata,
  facts: TableFacts,
  columns: readonly ColumnMetadata[],
): boolean {
  return uniqueKeysOf(table, facts).some(({ places }) =>
    columns.some(({ position }) => places.has(position)),
  )
}
