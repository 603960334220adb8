import { randomUUID } from 'node:crypto'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Parameter } from './node.ts'
import { type Compiled, type Statement, statementsOf } from './statement.ts'
import type { Row } from '../schema/wire-form.ts'
import type { TableFacts } from './table-facts.ts'
import { compiledDelete, deleteParameters, deleteShape } from './delete-statements.ts'
import {
  type ChangedRows,
  compiledUpdate,
  updateParameters,
  updateShape,
} from './write-statements.ts'

// UPDATE and DELETE that fail on the server unless each key has exactly one row, with the version that was read. So
// COMMIT can travel in one exchange with them: if one fails, the server skips everything to the Sync, COMMIT included.
//
// INSERT needs no guard where the facts say that the table is plain: without ON CONFLICT, triggers and rules it
// stores every row that it is given, or fails.

/**
 * `updateRows` that fails unless each key has exactly one row; undefined for a table with triggers or rules, since
 * PostgreSQL refuses rules inside WITH. If columns come back, the rows are those of `updateRows`. If none do, it
 * gives one row without columns, however many rows it updates.
 */
export function guardedUpdateRows(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  rows: ChangedRows,
  facts: TableFacts,
): Statement | undefined {
  if (!facts.isPlain) return undefined
  const shape = updateShape(columns, rows, facts)
  const parameters = updateParameters(table, columns, rows, facts)
  return guarded(table, shape, parameters, () => ({
    plain: compiledUpdate(table, columns, rows, facts),
    isOne: rows.count === 1,
    returned: facts.afterUpdate(columns, rows.loaded).length,
    mayBeGone: false,
  }))
}

/**
 * `deleteRows` that fails unless each key has exactly one row; undefined for a table with triggers or rules, and where
 * the caller checks versions. It gives one row without columns, however many rows it deletes.
 *
 * @param mayBeGone whether the flush itself may have deleted some rows, so that only several rows are a failure
 * @param versions as in `deleteRows`
 */
export function guardedDeleteRows(
  table: TableMetadata,
  keys: readonly Row[],
  facts: TableFacts,
  mayBeGone: boolean = false,
  versions?: Row,
): Statement | undefined {
  if (!facts.isPlain || (table.version !== undefined && versions === undefined)) return undefined
  const shape = `${mayBeGone ? '?' : ''}${deleteShape(keys, facts, versions)}`
  const parameters = deleteParameters(table, keys, facts, versions)
  return guarded(table, shape, parameters, () => ({
    plain: compiledDelete(table, keys, facts, versions),
    isOne: keys.length === 1,
    returned: 0,
    mayBeGone,
  }))
}

/** What the server counted in a guarded statement. */
export interface GuardFailure {
  /** How many keys have no row. */
  readonly missing: number
  /** Whether a key has several rows. */
  readonly isDoubled: boolean
}

/**
 * What the guard of a statement has found; undefined for any other error.
 *
 * @param error as `pg` gives it: the message of another error has lost the counts
 */
export function guardFailure(error: unknown): GuardFailure | undefined {
  if (!(error instanceof Error) || (error as { code?: unknown }).code !== '22P02') return undefined
  const counts = told.exec(error.message)
  if (counts === null) return undefined
  const [found = 0, places = 0, expected = 0] = counts.slice(1).map(Number)
  return { missing: expected - places, isDoubled: found > places }
}

// Unknown outside this process, so that no value of a client can raise the same error. Any language of the
// server's messages quotes the refused text.
const marker = `data_bridge_guard_${randomUUID()}`
const told = new RegExp(String.raw`${marker}/(\d+)/(\d+)/(\d+)`)

interface Guarding {
  readonly plain: Compiled
  readonly isOne: boolean
  /** How many columns come back, without the place. */
  readonly returned: number
  readonly mayBeGone: boolean
}

/** @param shape equal for statements that have the same guarding */
function guarded(
  table: TableMetadata,
  shape: string,
  parameters: readonly Parameter[],
  guardingOf: () => Guarding,
): Statement {
  const compiled = statementsOf(table).get(`guarded|${shape}`, () => {
    const guarding = guardingOf()
    const { kind, summary, tables, decoder } = guarding.plain
    const text = guardedText(guarding, parameters.length + 1)
    return { text, kind, summary, tables, decoder: guarding.returned === 0 ? undefined : decoder }
  })
  return { ...compiled, parameters: [...parameters, marker] }
}

function guardedText({ plain, isOne, returned, mayBeGone }: Guarding, last: number): string {
  // With several rows the first column is the place of the entity, and the first parameter an array of keys.
  const width = isOne ? returned : returned + 1
  const names = Array.from({ length: Math.max(width, 1) }, (_, index) => `c${index}`).join(', ')
  const places = isOne ? 'least(count(*), 1)' : 'count(distinct c0)'
  const expected = isOne ? '1' : 'cardinality($1)'
  const isRight = mayBeGone ? 'found = places' : `found = ${expected} and places = ${expected}`
  // A cast of a text that depends on the counts: the planner cannot evaluate it before the rows are written.
  const failure = `($${last}::text || '/' || found || '/' || places || '/' || ${expected})::integer`
  return (
    `with written (${names}) as (${plain.text}${width === 0 ? ' returning 1' : ''}) ` +
    `select ${returned === 0 ? '' : 'written.* '}` +
    `from (select count(*) as found, ${places} as places from written) as counted` +
    `${returned === 0 ? '' : ' left join written on true'} ` +
    `where case when ${isRight} then true else ${failure} is null end`
  )
}
