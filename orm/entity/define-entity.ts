import { DataBridgeError } from '../errors.ts'
import { describeClass, tableOf } from '../schema/table-of.ts'
import { relationRef } from '../schema/relation-ref.ts'
import type { Fields } from '../schema/column.ts'
import { describeTable } from '../schema/table.ts'
import { Entity } from './entity.ts'
import { touchedRelation } from './touched-relation.ts'
import type { EntityClass } from './types.ts'

/** The class of a table, without what the root of the library adds to it. */
export function defineTable<const F extends Fields>(
  name: string,
  columnsAndRelations: F,
  options?: unknown,
): EntityClass<F> {
  const metadata = describeTable(name, columnsAndRelations, options)
  class TableEntity extends Entity {
    constructor(values: unknown) {
      super(metadata, new.target, values)
    }
  }
  Object.defineProperty(TableEntity, 'name', { value: name })
  describeClass(TableEntity, metadata)
  for (const relation of metadata.relationNames) {
    const reference = relationRef(metadata, relation)
    Object.defineProperty(TableEntity, relation, {
      get() {
        // Relations are named after their class, so the table learns its class before they are resolved.
        tableOf(this)
        return reference
      },
    })
    Object.defineProperty(TableEntity.prototype, relation, {
      get() {
        return touchedRelation(this, relation)
      },
      set() {
        throw new DataBridgeError(
          'DATA_BRIDGE_ERR_ENTITY',
          `${metadata.entityName}.${relation} cannot be assigned: assign its foreign key, or give the entity to the constructor`,
        )
      },
    })
  }
  return TableEntity as unknown as EntityClass<F>
}
