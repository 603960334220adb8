import type { Attributes } from '@opentelemetry/api'
import type {
  Operation,
  QueryOperation,
  RelationshipOperation,
  SessionOperation,
} from '../observe/operation.ts'

/** The server that a database's connections go to. */
export interface Server {
  readonly host: string
  readonly port: number
  readonly database: string | undefined
}

/** What every span of a database has. */
export function commonAttributes({ host, port, database }: Server): Attributes {
  return {
    'db.system': 'postgresql',
    'db.system.name': 'postgresql',
    'server.address': host,
    'server.port': port,
    ...(database !== undefined && { 'db.namespace': database }),
  }
}

export function spanName(operation: Operation): string {
  return operation.kind === 'relationship'
    ? `db.relationship.${operation.strategy}`
    : `db.${operation.kind}.${operation.name}`
}

/** Whether the operation asks PostgreSQL, so that its span is a client's. */
export function isRemote(operation: Operation): boolean {
  if (operation.kind === 'session') return operation.name !== 'open' && operation.name !== 'close'
  return operation.cacheHit !== true
}

/** What is known of an operation when it starts. */
export function startAttributes(operation: Operation): Attributes {
  if (operation.kind === 'query') return queryAttributes(operation)
  if (operation.kind === 'session') return sessionAttributes(operation)
  return relationshipAttributes(operation)
}

function queryAttributes({ name, table, filters, limit, cacheHit }: QueryOperation): Attributes {
  return {
    'db.operation.name': name,
    ...(table !== undefined && { 'db.collection.name': table.name }),
    'db.query.filters_count': filters,
    ...(limit !== undefined && { 'db.query.limit': limit }),
    ...(name === 'get' && { 'db.query.cache_hit': cacheHit === true }),
  }
}

function sessionAttributes({ name, pending, dirty, deleted }: SessionOperation): Attributes {
  if (name === 'open' || name === 'close') return { 'db.session.operation': name }
  return {
    'db.session.operation': name,
    'db.session.pending_count': pending,
    'db.session.dirty_count': dirty,
    'db.session.deleted_count': deleted,
  }
}

function relationshipAttributes(operation: RelationshipOperation): Attributes {
  const { relation, strategy, owners, depth, cacheHit } = operation
  return {
    'db.collection.name': relation.target.name,
    'db.relationship.name': relation.name,
    'db.relationship.target_model': relation.target.entityName,
    'db.relationship.strategy': strategy,
    'db.relationship.fk_column': relation.foreignKey.name,
    ...(strategy === 'select'
      ? { 'db.relationship.cache_hit': cacheHit }
      : { 'db.relationship.batch_count': owners.length, 'db.relationship.depth': depth }),
  }
}

/** What is known when it has ended. */
export function endAttributes(operation: Operation, rows: number | undefined): Attributes {
  if (rows === undefined) return {}
  return { 'db.result.count': rows, 'db.response.returned_rows': returnedRows(operation, rows) }
}

/** The result of a count is a number of rows, and one row; that of the identity map is an entity, and none. */
function returnedRows(operation: Operation, rows: number): number {
  if (operation.kind === 'session') return rows
  if (operation.cacheHit === true) return 0
  const isSingle =
    operation.kind === 'query' && (operation.name === 'count' || operation.name === 'exists')
  return isSingle ? 1 : rows
}
