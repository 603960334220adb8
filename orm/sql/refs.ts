import { DataBridgeError } from '../errors.ts'
import type { AnyColumn, Column } from '../schema/column.ts'
import { type TableMetadata } from '../schema/metadata.ts'
import { listed } from '../util/messages.ts'
import type { FieldsOf } from '../schema/relation.ts'
import { BoundColumn, type ColumnRef } from './column-ref.ts'

/**
 * What a callback of a query sees: the columns of the entity, by the names of their properties.
 *
 * Queries say `Refs<User>` and not `Refs<typeof User>`, which means the same: the checker walks into
 * type arguments while it infers, and from a class it would walk on through every table it refers to.
 */
export type Refs<E> = {
  readonly [K in keyof FieldsOf<E> as FieldsOf<E>[K] extends AnyColumn ? K : never]: RefOf<
    FieldsOf<E>[K]
  >
}

// Of the field alone: what it is of a `Column<string>` is found once for all tables.
type RefOf<Field> = [Field] extends [Column<infer T, boolean, boolean>] ? ColumnRef<T> : never

// A table's references are the same for every query: made once for each alias.
const made = new WeakMap<TableMetadata, Map<string, object>>()

/** The references of a table under an alias. A name that is no column is an error, not undefined. */
export function refsOf(table: TableMetadata, alias: string): object {
  let byAlias = made.get(table)
  if (byAlias === undefined) made.set(table, (byAlias = new Map()))
  let refs = byAlias.get(alias)
  if (refs === undefined) byAlias.set(alias, (refs = makeRefs(table, alias)))
  return refs
}

export function columnRef(table: TableMetadata, property: string, alias: string): BoundColumn {
  return (refsOf(table, alias) as Record<string, BoundColumn>)[property] as BoundColumn
}

function makeRefs(table: TableMetadata, alias: string): object {
  const columns = new Map(
    table.columns.map((column) => [column.property, new BoundColumn(table, column, alias)]),
  )
  return new Proxy(Object.freeze(Object.fromEntries(columns)), {
    get(target, property) {
      if (typeof property === 'symbol' || property === 'then' || property === 'toJSON')
        return undefined
      const column = columns.get(property)
      if (column !== undefined) return column
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_QUERY',
        `${table.entityName} has no column ${property}; it has ${listed(Object.keys(target))}`,
      )
    },
  })
}
