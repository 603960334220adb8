import type { Attributes, Span } from '@opentelemetry/api'
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
  if (operation.kind === 'session') return !localSteps.includes(operation.name)
  if (operation.kind === 'relationship' && operation.strategy === 'joinedload') return false
  return operation.cacheHit !== true
}

const localSteps: readonly SessionOperation['name'][] = ['open', 'close', 'after_commit']

/** What all operations of one kind on one table or relation have. */
export function fixedAttributes(operation: Operation): Attributes {
  if (operation.kind === 'session') return { 'db.session.operation': operation.name }
  if (operation.kind === 'relationship') return relationshipAttributes(operation)
  const { name, table } = operation
  const attributes: Attributes = { 'db.operation.name': name }
  if (table !== undefined) attributes['db.collection.name'] = table.fullName
  return attributes
}

function relationshipAttributes({ relation, strategy }: RelationshipOperation): Attributes {
  return {
    'db.collection.name': relation.target.fullName,
    'db.relationship.name': relation.name,
    'db.relationship.target_model': relation.target.entityName,
    'db.relationship.strategy': strategy,
    'db.relationship.fk_column': relation.foreignKey.map(({ name }) => name).join(', '),
  }
}

/** Tells a span what else is known of its operation when it starts. */
export function tellStart(span: Span, operation: Operation): void {
  if (operation.kind === 'query') tellQuery(span, operation)
  else if (operation.kind === 'session') tellSession(span, operation)
  else tellRelationship(span, operation)
}

function tellQuery(span: Span, { name, filters, limit, cacheHit }: QueryOperation): void {
  span.setAttribute('db.query.filters_count', filters)
  if (limit !== undefined) span.setAttribute('db.query.limit', limit)
  if (name === 'get') span.setAttribute('db.query.cache_hit', cacheHit === true)
}

function tellSession(span: Span, operation: SessionOperation): void {
  const { pending, dirty, deleted, callback } = operation
  if (callback !== undefined) span.setAttribute('code.function.name', callback)
  if (!isRemote(operation)) return
  span.setAttribute('db.session.pending_count', pending)
  span.setAttribute('db.session.dirty_count', dirty)
  span.setAttribute('db.session.deleted_count', deleted)
}

function tellRelationship(span: Span, operation: RelationshipOperation): void {
  const { strategy, owners, depth, cacheHit } = operation
  if (strategy !== 'select') span.setAttribute('db.relationship.batch_count', owners.length)
  const isLazy = strategy === 'select' || strategy === 'peers'
  if (isLazy) span.setAttribute('db.relationship.cache_hit', cacheHit)
  else span.setAttribute('db.relationship.depth', depth)
}

/**
 * The result of a count is a number of rows, and one row; that of the identity map is an entity, and none. The rows of a
 * joined relation are those of its query.
 */
export function returnedRows(operation: Operation, rows: number): number {
  if (operation.kind === 'session') return rows
  if (!isRemote(operation)) return 0
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
