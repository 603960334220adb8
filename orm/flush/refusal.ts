import { columnsInDetail, hasValues, type Violation, violationOf } from '../driver/violations.ts'
import type { Entity } from '../entity/entity.ts'
import { textOf } from '../entity/identity.ts'
import { valueOf } from '../entity/property.ts'
import { DataBridgeError, tellRefused } from '../errors.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { TableFacts } from '../sql/table-facts.ts'
import type { Batch } from './writing.ts'

/** What was written. */
type Refusable = Pick<Batch, 'verb' | 'table' | 'entities' | 'parts'>

/**
 * Adds to the error of a violated constraint its columns, and the entity that was refused, if that is
 * certain.
 */
export function explainRefusal(
  error: unknown,
  whole: Refusable,
  factsOf: (table: TableMetadata) => TableFacts,
): void {
  const violation = violationOf(error)
  if (violation === undefined || !(error instanceof DataBridgeError)) return
  const batch = partOf(whole, violation, factsOf)
  const facts = factsOf(batch.table)
  const isOwn = isOf(batch.table, violation, facts)
  // A row of another table refers to the deleted row, and the columns belong to that table.
  const columns = isOwn && batch.verb !== 'DELETE' ? ownColumns(batch, violation, facts) : undefined
  const [only] = batch.entities
  tellRefused(error, {
    columns: isOwn ? columns?.map(({ property }) => property) : error.columns,
    entity: batch.entities.length === 1 ? only : refusedOf(batch, violation, columns),
  })
}

/** The writes to the table of the violation, as one. */
function partOf(
  whole: Refusable,
  violation: Violation,
  factsOf: (table: TableMetadata) => TableFacts,
): Refusable {
  const own = whole.parts?.filter(({ table }) => isOf(table, violation, factsOf(table))) ?? []
  const [first] = own
  if (first === undefined) return whole
  return { ...first, entities: own.flatMap(({ entities }) => entities) }
}

/** Whether the violation is in the written table or its partition, and not in a table that a trigger writes. */
function isOf(table: TableMetadata, violation: Violation, facts: TableFacts): boolean {
  if (violation.table === undefined) return false
  if (facts.hasPartition(violation.table)) return true
  return (
    violation.table === table.name &&
    (table.schema === undefined || table.schema === violation.schema)
  )
}

function ownColumns(
  { table }: Refusable,
  { constraint, column, detail }: Violation,
  facts: TableFacts,
): readonly ColumnMetadata[] | undefined {
  if (column !== undefined) return columnsNamed(table, [column])
  const known = constraint === undefined ? undefined : facts.columnsOf(constraint)
  return known ?? columnsNamed(table, columnsInDetail(detail) ?? [])
}

function columnsNamed(
  table: TableMetadata,
  names: readonly string[],
): readonly ColumnMetadata[] | undefined {
  const columns = names.flatMap(
    (name) => table.columns.find((column) => column.name === name) ?? [],
  )
  return columns.length > 0 && columns.length === names.length ? columns : undefined
}

const isKey: ReadonlySet<string> = new Set(['23505', '23503'])

/** The entity with the refused values; undefined if several entities have them, or none. */
function refusedOf(
  { entities }: Refusable,
  { sqlState, detail }: Violation,
  columns: readonly ColumnMetadata[] | undefined,
): Entity | undefined {
  if (columns === undefined) return undefined
  const isRefused = (entity: Entity): boolean => {
    if (sqlState === '23502')
      return columns.every((column) => (valueOf(entity, column) ?? null) === null)
    const texts = columns.map((column) => textOf(entity, column) ?? 'null')
    return isKey.has(sqlState) && hasValues(detail, texts)
  }
  const [refused, ...others] = entities.filter(isRefused)
  return others.length === 0 ? refused : undefined
}
