import type { Attributes } from '@opentelemetry/api'
import type { SentStatement } from '../observe/observer.ts'
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

/** What every span and every measurement of a database has. */
export function serverAttributes({ host, port, database }: Server): Attributes {
  return {
    'db.system.name': 'postgresql',
    'server.address': host,
    'server.port': port,
    ...(database !== undefined && { 'db.namespace': database }),
  }
}

export function poolName({ host, port, database = '' }: Server): string {
  return `${host}:${port}/${database}`
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
  const attributes: Attributes = {
    'db.operation.name': name,
    'db.query.filters_count': filters,
  }
  if (table !== undefined) attributes['db.collection.name'] = table.fullName
  if (limit !== undefined) attributes['db.query.limit'] = limit
  if (name === 'get') attributes['db.query.cache_hit'] = cacheHit === true
  return attributes
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
  const attributes: Attributes = {
    'db.collection.name': relation.target.fullName,
    'db.relationship.name': relation.name,
    'db.relationship.target_model': relation.target.entityName,
    'db.relationship.strategy': strategy,
    'db.relationship.fk_column': relation.foreignKey.map(({ name }) => name).join(', '),
  }
  if (strategy === 'select') {
    attributes['db.relationship.cache_hit'] = cacheHit
  } else {
    attributes['db.relationship.batch_count'] = owners.length
    attributes['db.relationship.depth'] = depth
  }
  return attributes
}

/** The result of a count is a number of rows, and one row; that of the identity map is an entity, and none. */
export function returnedRows(operation: Operation, rows: number): number {
  if (operation.kind === 'session') return rows
  if (operation.cacheHit === true) return 0
  const isSingle =
    operation.kind === 'query' && (operation.name === 'count' || operation.name === 'exists')
  return isSingle ? 1 : rows
}

/** Of several statements what their summary is: `INSERT users`, `BATCH INSERT users`, `BATCH`. */
export function batchSummary(statements: readonly Pick<SentStatement, 'summary'>[]): string {
  const [first] = statements
  if (first === undefined) return ''
  if (statements.length === 1) return first.summary
  const isSame = statements.every(({ summary }) => summary === first.summary)
  return isSame ? `BATCH ${first.summary}` : 'BATCH'
}

export function batchText(statements: readonly Pick<SentStatement, 'text'>[]): string {
  const [first] = statements
  return first !== undefined && statements.length === 1
    ? first.text
    : statements.map(({ text }) => text).join('; ')
}
