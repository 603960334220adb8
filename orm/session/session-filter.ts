import { DataBridgeError, describe } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { tableCondition, type TableCondition } from '../sql/table-condition.ts'

/** The filter that a callback of `addFilter()` gives. */
export function sessionFilter(table: TableMetadata, filter: unknown): TableCondition {
  const where = `addFilter(${table.entityName})`
  if (typeof filter === 'function')
    return tableCondition(table, filter as never, where, 'DATA_BRIDGE_ERR_FILTER')
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_FILTER',
    `${where} expected a callback such as (row) => row.tenantId.eq(tenantId), got ${describe(filter)}`,
  )
}
