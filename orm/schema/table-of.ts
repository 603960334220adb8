import { DataBridgeError, describe } from '../errors.ts'
import type { TableMetadata } from './metadata.ts'
import type { AnyEntityClass } from './relation.ts'
import { schemaError } from './schema-error.ts'

const metadataKey = Symbol.for('fastify-data-bridge.table')

interface Described {
  readonly [metadataKey]?: TableMetadata
}

export function describeClass(entity: object, table: TableMetadata): void {
  Object.defineProperty(entity, metadataKey, { value: table })
}

/** Whether a value is a class that `table()` made, or one that extends such a class. */
export function isEntityClass(value: unknown): value is AnyEntityClass {
  return typeof value === 'function' && metadataKey in value
}

/** The table of an entity class. Refuses anything else, and a class that extends another entity. */
export function tableOf(entity: unknown): TableMetadata {
  const table = isEntityClass(entity) ? (entity as Described)[metadataKey] : undefined
  if (table === undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_ENTITY',
      `expected an entity class, one that extends table(…), got ${describe(entity)}`,
    )
  }
  const declared = entity as AnyEntityClass
  const isOwn =
    Object.hasOwn(declared, metadataKey) ||
    Object.hasOwn(Object.getPrototypeOf(declared) as object, metadataKey)
  if (!isOwn) {
    throw schemaError(
      `${declared.name} extends the entity ${table.entityName}; inheritance between entities is not supported: ` +
        `declare it with its own table()`,
    )
  }
  table.claim(declared)
  return table
}
