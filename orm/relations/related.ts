import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Condition } from '../sql/node.ts'
import { columnRef } from '../sql/refs.ts'
import { rootAlias, selectRows } from '../sql/select.ts'
import type { Statement } from '../sql/statement.ts'

/** The row with this value in a unique column, or the rows that refer by it, in the order of their keys. */
export function selectWhere(
  table: TableMetadata,
  column: ColumnMetadata,
  value: unknown,
): Statement {
  return selectRelated(table, column, columnRef(table, column.property, rootAlias).eq(value))
}

/** The same for many values in one statement, whose text does not depend on how many they are. */
export function selectWhereIn(
  table: TableMetadata,
  column: ColumnMetadata,
  values: readonly unknown[],
): Statement {
  return selectRelated(table, column, columnRef(table, column.property, rootAlias).in(values))
}

function selectRelated(
  table: TableMetadata,
  column: ColumnMetadata,
  condition: Condition,
): Statement {
  const orders = column.primaryKey
    ? []
    : [columnRef(table, table.primaryKey.property, rootAlias).asc()]
  return selectRows({ table, conditions: [condition], orders, limit: undefined, offset: undefined })
}
