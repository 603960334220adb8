import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { markPeers } from '../entity/provenance.ts'
import { DataBridgeError } from '../errors.ts'
import type { QueryOperation } from '../observe/operation.ts'
import { FetchedEntities, type LoadContext } from '../relations/context.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { FetchedRows } from '../sql/fetched.ts'
import { selectByKey, selectByKeys } from '../sql/key-statements.ts'
import type { GivenKey } from './key.ts'

export function getOperation(
  table: TableMetadata,
  cacheHit: boolean,
  variant?: QueryOperation['variant'],
): QueryOperation {
  return { kind: 'query', name: 'get', table, filters: 1, limit: undefined, cacheHit, variant }
}

export function isPresent(entity: Entity): boolean {
  return stateOf(entity).lifecycle === 'stored'
}

/** Reads the entity with a key, if there is one that default filters show. */
export function fetchOne(
  context: LoadContext,
  table: TableMetadata,
  { parts }: GivenKey,
  operation: QueryOperation,
  ended: () => void,
): Promise<Entity | null> {
  const fetched = new FetchedEntities(context, table, false, (found) => {
    requireOne(table, found)
    const [entity = null] = found
    return entity !== null && isPresent(entity) ? entity : null
  })
  fetched.ended = ended
  const statement = selectByKey(table, parts, undefined, context.defaults.of(table))
  return context.fetch(statement, operation, fetched)
}

/** Reads the entities that were not held, into their places. Some may be held by now. */
export function fetchMissing(
  context: LoadContext,
  table: TableMetadata,
  keys: readonly GivenKey[],
  found: (Entity | undefined)[],
  operation: QueryOperation,
): Promise<void> {
  const missing = [...found.keys()].filter((index) => found[index] === undefined)
  const wanted = missing.map((index) => (keys[index] as GivenKey).parts)
  const filter = context.defaults.of(table)
  const statement = selectByKeys(table, table.primaryKey, wanted, undefined, { filter })
  const fetched = new FetchedRows(({ rows }) => {
    const collector = context.collect(table)
    rows.forEach((row) => collector.row(row.slice(0, -1)))
    const entities = collector.entities()
    markPeers(entities)
    entities.forEach((entity, index) => {
      const position = missing[Number(rows[index]?.at(-1)) - 1] as number
      if (found[position] !== undefined) throw severalError(table)
      found[position] = entity
    })
  })
  return context.fetch(statement, operation, fetched)
}

export function requireOne(table: TableMetadata, rows: readonly unknown[]): void {
  if (rows.length > 1) throw severalError(table)
}

function severalError(table: TableMetadata): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_MULTIPLE_ROWS',
    `get(${table.entityName}) expected one row with this key, got several: the key in the database has more ` +
      'columns than the declared one, or the key is a Date and several rows lie within its millisecond',
  )
}
