import type { SentStatement } from '../observe/observer.ts'
import type { Operation, QueryOperation } from '../observe/operation.ts'
import { nameOf } from './lists.ts'
import { factsOf, type TextFacts } from './text-facts.ts'

/** A statement that reads rows for the program. */
export interface ProgramQuery {
  readonly operation: QueryOperation
  readonly facts: TextFacts
  /** As findings name it. */
  readonly target: string
  /** The table that it reads, with its schema if the text says it. */
  readonly table: string
  /** All that tells it from others of its pattern. */
  readonly values: readonly unknown[]
}

const reading: ReadonlySet<QueryOperation['name']> = new Set([
  'find',
  'first',
  'one',
  'get',
  'count',
  'exists',
  'aggregate',
  'execute',
])

/** The operation, if the program has asked for it, and it reads. */
function readingOf(operation: Operation | undefined): QueryOperation | undefined {
  if (operation?.kind !== 'query' || operation.parent !== undefined) return undefined
  if (operation.variant !== undefined || !reading.has(operation.name)) return undefined
  return operation
}

/** Undefined for what the library sends by itself, and for what writes, or reads no table of the application. */
export function programQuery(statement: SentStatement): ProgramQuery | undefined {
  const operation = readingOf(statement.operation)
  if (operation === undefined || statement.kind === 'control') return undefined
  const facts = factsOf(statement.text, operation.name === 'execute')
  const table = operation.table?.fullName ?? facts.table
  if (table === undefined) return undefined
  const { parameters } = statement
  const values = facts.literals.length === 0 ? parameters : [...parameters, ...facts.literals]
  return { operation, facts, table, target: targetOf(operation, table), values }
}

function targetOf({ name, counted, table }: QueryOperation, read: string): string {
  if (counted !== undefined) return nameOf(counted.relation)
  return name === 'get' && table !== undefined ? table.entityName : `SELECT ${read}`
}

/** How many rows it gives at most. */
export function limitOf({ operation, facts, values }: ProgramQuery): number | undefined {
  const { limit } = facts
  if (operation.limit !== undefined || limit === undefined) return operation.limit
  return Number(limit.startsWith('$') ? values[Number(limit.slice(1)) - 1] : limit)
}

/** Whether one of its values is a list with several. */
export function hasList(values: readonly unknown[]): boolean {
  return values.some((value) => Array.isArray(value) && value.length > 1)
}
