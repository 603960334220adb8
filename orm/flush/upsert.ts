import { columnsWithValue } from '../entity/deferred.ts'
import type { Entity } from '../entity/entity.ts'
import { type Identity, identityOf } from '../entity/identity.ts'
import { valueOf } from '../entity/property.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { columnsOf, type RowColumns } from '../schema/row-columns.ts'
import { keptOf, requireValue, textOfKept } from '../schema/values.ts'
import type { Row } from '../schema/wire-form.ts'
import { type KeyParts, selectByKeys } from '../sql/key-statements.ts'
import type { Statement } from '../sql/statement.ts'
import type { TableFacts } from '../sql/table-facts.ts'
import {
  type Conflict,
  type ConflictingRows,
  insertOrUpdateRows,
} from '../sql/upsert-statements.ts'
import { conflictError, missingRowError, refuseTwice } from './conflict-errors.ts'
import { completeNew } from './flush.ts'
import { fillForeignKeys, type SentRows, sentRows, withSameColumns } from './insert.ts'
import { inLockOrder, inOrderOf } from './lock-order.ts'
import { slicesOf } from './slices.ts'
import { countError } from './write-errors.ts'
import type { Batch, Writing } from './writing.ts'

/** The row of a given one. */
export interface StoredRow {
  readonly row: Row
  /** Whether it was inserted; undefined: nobody knows, since it was inserted or changed. */
  readonly isNew: boolean | undefined
}

/**
 * Inserts rows, or changes those that are there. The entities only carry values: they stay new.
 *
 * @returns the stored row of each entity that has one: without columns of a key and without an update, a row that is
 * there already has none
 */
export async function insertOrUpdate(
  writing: Writing,
  table: TableMetadata,
  entities: readonly Entity[],
  conflict: Conflict,
): Promise<ReadonlyMap<Entity, StoredRow>> {
  for (const entity of entities) {
    fillForeignKeys(entity)
    completeNew(entity)
  }
  refuseTwice(table, entities, conflict)
  const stored = new Map<Entity, StoredRow>()
  for (const same of withSameColumns(table, entities))
    for (const slice of slicesFor(writing, table, same, conflict)) {
      putConflicting(writing, table, slice, conflict, stored)
      try {
        await writing.settle()
      } catch (error) {
        throw conflictError(error, table, conflict)
      }
    }
  const { on } = conflict
  if (on !== undefined && entities.some((entity) => !stored.has(entity)))
    throw missingRowError(table, on)
  return stored
}

// In one order, so that two of them wait for each other and never deadlock.
function slicesFor(
  writing: Writing,
  table: TableMetadata,
  entities: readonly Entity[],
  { on }: Conflict,
): readonly SentRows[] {
  const facts = writing.factsOf(table)
  const ordered = on === undefined ? inLockOrder(table, facts, entities) : inOrderOf(on, entities)
  const sent = sentRows(writing, table, ordered)
  return slicesOf(sent).map((slice) => ({ ...sent, ...slice }))
}

function putConflicting(
  writing: Writing,
  table: TableMetadata,
  sent: SentRows,
  conflict: Conflict,
  stored: Map<Entity, StoredRow>,
): void {
  const { entities } = sent
  const facts = writing.factsOf(table)
  const returned = columnsOf(table, facts.rowWith(columnsWithValue(entities[0] as Entity)))
  const match = entities.length === 1 ? undefined : matchOf(table, facts, sent, conflict)
  const put = (rows: SentRows, { columns, reserved }: Match): void => {
    const overrides = rows.overrides || reserved.some(([column]) => facts.isAlwaysIdentity(column))
    const statement = (): Statement =>
      insertOrUpdateRows(
        table,
        { ...rows, overrides, reserved, match: columns, renewed: renewedValues(table, conflict) },
        conflict,
        facts,
        returned,
      )
    writing.put(insertBatch(table, rows.entities, conflict, statement, stored))
  }
  // NULL is equal to nothing, so that nothing finds a row by it.
  const isAlone = (entity: Entity): boolean =>
    match === undefined || (conflict.on ?? []).some((column) => valueOf(entity, column) === null)
  const places = [...entities.keys()]
  const together = places.filter((place) => !isAlone(entities[place] as Entity))
  if (match !== undefined && together.length > 0) put(rowsAt(sent, together), match)
  for (const place of places)
    if (isAlone(entities[place] as Entity)) put(rowsAt(sent, [place]), noMatch)
  const { on, update } = conflict
  if (on !== undefined && update.length === 0)
    putExisting(writing, table, entities, on, returned, stored)
}

/** What `onUpdate()` makes for the rows that are there. */
function renewedValues(table: TableMetadata, { renewed }: Conflict): Row {
  return renewed.map((column) => {
    const value = column.onUpdate?.()
    requireValue(table, column, value)
    return keptOf(column, value)
  })
}

function rowsAt(sent: SentRows, places: readonly number[]): SentRows {
  if (places.length === sent.entities.length) return sent
  return {
    ...sent,
    entities: places.map((place) => sent.entities[place] as Entity),
    values: sent.values.map((items) => places.map((place) => items[place] ?? null)),
  }
}

/** By which columns the statement finds the given row of one that comes back. */
interface Match {
  readonly columns: readonly ColumnMetadata[]
  readonly reserved: ConflictingRows['reserved']
}

const noMatch: Match = { columns: [], reserved: [] }

/** Undefined if no key is certain before the INSERT: each row then needs a statement of its own. */
function matchOf(
  table: TableMetadata,
  facts: TableFacts,
  { columns }: SentRows,
  { on }: Conflict,
): Match | undefined {
  if (facts.known?.keepsKeys !== true || columns.length === 0) return undefined
  if (on !== undefined) {
    const areSent = on.every((column) => columns.includes(column))
    return areSent ? { columns: on, reserved: [] } : undefined
  }
  const reserved: (readonly [ColumnMetadata, string])[] = []
  for (const column of table.primaryKey) {
    if (columns.includes(column)) continue
    const maker = facts.makerOf(column)
    if (maker === undefined) return undefined
    reserved.push([column, maker])
  }
  return { columns: table.primaryKey, reserved }
}

function insertBatch(
  table: TableMetadata,
  entities: readonly Entity[],
  { update }: Conflict,
  statement: () => Statement,
  stored: Map<Entity, StoredRow>,
): Batch {
  return {
    verb: 'INSERT',
    table,
    entities,
    statement,
    guarded: () => undefined,
    absorb({ rows }) {
      if (update.length > 0 && rows.length !== entities.length)
        throw countError('INSERT', table, entities.length, rows.length)
      const seen = new Set<Identity>()
      for (const [place, row] of placed(rows)) {
        // Of the same row, given twice, the first was inserted.
        const key = identityOf(table, row)
        if (seen.has(key)) continue
        seen.add(key)
        stored.set(entities[place] as Entity, { row, isNew: update.length === 0 || undefined })
      }
    },
  }
}

/** Reads the rows that were there, in the same exchange: it sees what others have committed while the INSERT waited. */
function putExisting(
  writing: Writing,
  table: TableMetadata,
  all: readonly Entity[],
  on: readonly ColumnMetadata[],
  returned: RowColumns,
  stored: Map<Entity, StoredRow>,
): void {
  const keyOf = (entity: Entity): readonly (string | null)[] =>
    on.map((column) => textOfKept(column, keptOf(column, valueOf(entity, column) ?? null)))
  const entities = all.filter((entity) => !keyOf(entity).includes(null))
  if (entities.length === 0) return
  const facts = writing.factsOf(table)
  const casts = on.map((column) => facts.storedCast(column))
  writing.put({
    verb: 'SELECT',
    table,
    entities,
    statement: () =>
      selectByKeys(table, on, entities.map(keyOf) as KeyParts[], returned, { casts }),
    guarded: () => undefined,
    absorb({ rows }) {
      for (const [place, row] of placed(rows)) {
        const entity = entities[place] as Entity
        if (!stored.has(entity)) stored.set(entity, { row, isNew: false })
      }
    },
  })
}

/** Rows with the place of the given one behind them, from 1 on. */
function placed(rows: readonly Row[]): readonly (readonly [place: number, row: Row])[] {
  return rows.map((row) => [Number(row.at(-1)) - 1, row.slice(0, -1)])
}
