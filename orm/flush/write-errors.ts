import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { DataBridgeError } from '../errors.ts'
import { nameOf } from '../schema/inverse.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { listed } from '../util/messages.ts'

export function circularError(entities: readonly Entity[]): DataBridgeError {
  const names = [...new Set(entities.map((entity) => stateOf(entity).table.entityName))]
  return flushError(
    `new entities of ${listed(names)} refer to each other in a circle, so none of them can be inserted first; ` +
      'leave one foreign key null, flush, and set it then',
  )
}

export function notStoredError(relation: RelationMetadata): DataBridgeError {
  const { target } = relation
  return flushError(
    `${nameOf(relation)} refers to a ${target.entityName} that is not stored; add it to the session too`,
  )
}

export function unstoredLinkError({ owner, name, target }: RelationMetadata): DataBridgeError {
  return flushError(
    `${owner.entityName}.${name} links rows that are not stored; add both the ${owner.entityName} and the ${target.entityName} to the session`,
  )
}

export function countError(
  verb: string,
  table: TableMetadata,
  expected: number,
  got: number,
): DataBridgeError {
  return flushError(
    `${verb} ${table.fullName} expected ${expected} rows back, got ${got}: does a trigger or a rule leave rows out?`,
    table,
  )
}

export function keylessError(table: TableMetadata): DataBridgeError {
  const key = listed(table.primaryKey.map(({ property }) => property))
  return flushError(
    `INSERT ${table.fullName} expected a row with ${key}, got null: the trigger or rule that stores the row has to return its key`,
    table,
  )
}

export function severalRowsError(verb: string, table: TableMetadata): DataBridgeError {
  return flushError(
    `${verb} ${table.fullName} expected one row for each ${table.entityName}, got several: the key in the ` +
      'database has more columns than the declared one; declare each of them with primaryKey()',
    table,
  )
}

const participles = { UPDATE: 'changed', DELETE: 'deleted' } as const

export function staleError(
  verb: keyof typeof participles,
  table: TableMetadata,
  missing: number,
): DataBridgeError {
  if (table.version !== undefined) return changedError(table, missing)
  const rows = missing === 1 ? 'row' : 'rows'
  const subject = `${missing} ${participles[verb]} ${rows}`
  const gone = `no longer exist${missing === 1 ? 's' : ''}`
  return new DataBridgeError('DATA_BRIDGE_ERR_STALE', `${subject} of ${table.fullName} ${gone}`, {
    table: table.fullName,
    safeMessage: `${subject} ${gone}`,
  })
}

/** Others have changed or deleted rows since they were read. */
function changedError(table: TableMetadata, count: number): DataBridgeError {
  const rows = `${count} ${count === 1 ? 'row' : 'rows'}`
  const since =
    count === 1
      ? 'was changed or deleted by others since it was read'
      : 'were changed or deleted by others since they were read'
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_STALE',
    `${rows} of ${table.entityName} ${since}; read again and repeat the change, ` +
      'or do both in database.transaction(fn, { retries })',
    {
      table: table.fullName,
      safeMessage: `${rows} ${since}; read again and repeat the change`,
    },
  )
}

function flushError(message: string, table?: TableMetadata): DataBridgeError {
  return new DataBridgeError('DATA_BRIDGE_ERR_FLUSH', message, { table: table?.fullName })
}
