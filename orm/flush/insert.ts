import { absorb, absorbNew } from '../entity/absorb.ts'
import { writesOf } from '../entity/compiled-writes.ts'
import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { contradictionError } from '../entity/new-entity.ts'
import { isSameValue } from '../entity/same-value.ts'
import { setValue, valueOf } from '../entity/property.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import { isDeclared, nameOf } from '../schema/inverse.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { insertDefaults, insertRows } from '../sql/insert-statements.ts'
import type { Statement } from '../sql/statement.ts'
import { exactKeys, hasInexactKeys } from '../unit-of-work/exact-keys.ts'
import { areSafelyKept, isSafelyRead } from './safely-read.ts'
import { type Slice, slicesOf } from './slices.ts'
import { readVersions } from './versions.ts'
import { countError, keylessError, notStoredError } from './write-errors.ts'
import { inLockOrder } from './lock-order.ts'
import { keepsKey } from '../unit-of-work/kept-keys.ts'
import type { Batch, Writing } from './writing.ts'

/** Inserts rows of one table. Rows with values for the same columns are one statement. */
export async function insertTable(
  writing: Writing,
  table: TableMetadata,
  entities: readonly Entity[],
): Promise<void> {
  const referring = entities.filter((entity) => stateOf(entity).references !== undefined)
  // A key that the database makes is known only when its row is stored.
  if (needsResults(table, referring)) await writing.settle()
  for (const entity of referring) fillForeignKeys(entity)
  for (const batch of insertsOf(writing, table, entities)) writing.put(batch)
  await rereadVersions(writing, table, entities)
}

/** Reads the versions of new rows, where an INSERT does not give them back. */
export async function rereadVersions(
  writing: Writing,
  table: TableMetadata,
  entities: readonly Entity[],
): Promise<void> {
  if (!writing.factsOf(table).rereadsXmin) return
  // The database may make the keys.
  await writing.settle()
  readVersions(writing, table, entities)
}

/** The statements that insert rows of one table, whose foreign keys have their values. */
export function insertsOf(
  writing: Writing,
  table: TableMetadata,
  entities: readonly Entity[],
): readonly Batch[] {
  const facts = writing.factsOf(table)
  return [...withSameColumns(table, entities)].flatMap((same) => {
    const sent = sentRows(writing, table, inLockOrder(table, facts, same))
    return slicesOf(sent).map((slice) => insertSame(writing, table, { ...sent, ...slice }))
  })
}

/** New rows in groups that have values for the same columns. */
export function withSameColumns(
  table: TableMetadata,
  entities: readonly Entity[],
): Iterable<readonly Entity[]> {
  const compiled = writesOf(table)
  const first = compiled.missing(entities[0] as Entity)
  return entities.every((entity) => compiled.missing(entity) === first)
    ? [entities]
    : Map.groupBy(entities, (entity) => compiled.missing(entity)).values()
}

const noColumns: Row = []

/** What an INSERT of rows sends, which have values for the same columns. */
export interface SentRows extends Slice {
  readonly columns: readonly ColumnMetadata[]
  /** Whether values of an identity are stored that PostgreSQL always makes itself. */
  readonly overrides: boolean
  /** Columns that the database makes of an expression, and that the rows leave to it. */
  readonly omitted: readonly ColumnMetadata[]
}

export function sentRows(
  writing: Writing,
  table: TableMetadata,
  entities: readonly Entity[],
): SentRows {
  const facts = writing.factsOf(table)
  const given = givenColumns(entities[0] as Entity)
  const omitted = given.filter(
    (column) => facts.isGenerated(column) && entities.every((one) => valueOf(one, column) === null),
  )
  const columns = given.filter((column) => !omitted.includes(column))
  return {
    entities,
    columns,
    values: columns.map((column) => keptColumn(writing, table, column, entities)),
    overrides: columns.some((column) => facts.isAlwaysIdentity(column)) && entities.some(keepsKey),
    omitted,
  }
}

function insertSame(writing: Writing, table: TableMetadata, rows: SentRows): Batch {
  const facts = writing.factsOf(table)
  const { entities, columns, values: sent, overrides, omitted } = rows
  const returned = facts.afterInsert(columns)
  // What the database makes of these is not read back.
  const unread = omitted.filter(({ deferred }) => deferred)
  const blank = table.columns.map((column) =>
    omitted.includes(column) && !column.deferred ? null : undefined,
  )
  const sentPlaces = columns.map(({ position }) => position)
  const returnedPlaces = returned.map(({ position }) => position)
  const keyPlaces = table.primaryKey.map(({ position }) => position)
  const heldOf = (index: number): (Primitive | undefined)[] => {
    const held: (Primitive | undefined)[] = blank.slice()
    for (let at = 0; at < sentPlaces.length; at += 1)
      held[sentPlaces[at] as number] = (sent[at] as Row)[index] as Primitive
    return held
  }
  const take = (entity: Entity, index: number, back: Row): void => {
    const row = heldOf(index)
    for (let at = 0; at < returnedPlaces.length; at += 1)
      row[returnedPlaces[at] as number] = back[at] ?? null
    for (let at = 0; at < keyPlaces.length; at += 1)
      if ((row[keyPlaces[at] as number] ?? null) === null) throw keylessError(table)
    for (const column of unread) setValue(entity, column, undefined)
    if (!absorbNew(entity, row as Row)) absorb(entity, row as Row, heldOf(index))
  }
  const statement = (): Statement =>
    columns.length === 0
      ? insertDefaults(table, entities.length, facts)
      : insertRows(table, columns, sent, facts, overrides)
  // Without triggers and rules, a table stores each row that it is given, or the statement fails.
  const isCertain =
    facts.isPlain &&
    columns.length > 0 &&
    areSafelyKept(columns) &&
    returned.every((column) => isSafelyRead(column, facts))
  return {
    verb: 'INSERT',
    table,
    entities,
    statement,
    guarded: () => (isCertain ? statement() : undefined),
    absorb({ rows, rowCount, isGuarded }) {
      const got = returned.length === 0 ? rowCount : rows.length
      if (got !== entities.length) throw countError('INSERT', table, entities.length, got)
      let index = 0
      try {
        for (; index < entities.length; index += 1)
          take(entities[index] as Entity, index, rows[index] ?? noColumns)
      } finally {
        const taken = index === entities.length ? entities : entities.slice(0, index)
        writing.work.inserted(taken, isGuarded)
        if (!facts.isPlain) writing.work.undo.wroteUnseen()
      }
    },
  }
}

/** Whether foreign keys come from rows that are perhaps not stored yet. */
function needsResults(table: TableMetadata, entities: readonly Entity[]): boolean {
  if (hasInexactKeys(table)) return true
  return entities.some((entity) => awaitsKey(entity))
}

const anyone = (): boolean => true

/** Whether a foreign key comes from a row that has no value for it yet. */
export function awaitsKey(entity: Entity, isMeant: (target: object) => boolean = anyone): boolean {
  for (const [{ pairs }, target] of stateOf(entity).references ?? []) {
    if (!isMeant(target)) continue
    const isAwaited = pairs.some(
      ([local, remote]) =>
        valueOf(entity, local) === undefined && valueOf(target, remote) === undefined,
    )
    if (isAwaited) return true
  }
  return false
}

/** What is kept of one column of several entities. */
function keptColumn(
  writing: Writing,
  table: TableMetadata,
  column: ColumnMetadata,
  entities: readonly Entity[],
): Row {
  const kept = (writesOf(table).kept[column.position] as KeptOf)(entities)
  if (column.type.rangeOf === undefined) return kept
  const exact = exactKeys(writing.work.identity, table, column)
  return exact === undefined
    ? kept
    : kept.map((primitive, index) => exact(entities[index] as Entity) ?? primitive)
}

type KeptOf = (entities: readonly object[]) => readonly Primitive[]

function positions(columns: readonly ColumnMetadata[]): string {
  return columns.map(({ position }) => position).join(',')
}

/** Equal for rows that one statement can insert: their table, and the columns with values. */
export function statementKey(entity: Entity): string {
  const { table, references } = stateOf(entity)
  const filled = [...(references?.keys() ?? [])].flatMap(({ foreignKey }) => foreignKey)
  const given = new Set([...givenColumns(entity), ...filled])
  return `${table.id}|${positions(table.columns.filter((column) => given.has(column)))}`
}

function givenColumns(entity: Entity): ColumnMetadata[] {
  return stateOf(entity).table.columns.filter((column) => valueOf(entity, column) !== undefined)
}

/** Fills in foreign keys that were given as entities. A key that the program set later stays. */
export function fillForeignKeys(entity: Entity): void {
  const { references } = stateOf(entity)
  if (references === undefined) return
  const filled = new Set<ColumnMetadata>()
  for (const [relation, target] of references) {
    const { name, pairs } = relation
    const missing = pairs.filter(
      ([local]) => filled.has(local) || valueOf(entity, local) === undefined,
    )
    if (missing.length === 0) continue
    for (const [local, remote] of missing) {
      const value = valueOf(target, remote)
      if (filled.has(local) && !isSameValue(local, valueOf(entity, local), value))
        throw contradictionError(nameOf(relation), local.property)
      if (value === undefined) throw notStoredError(relation)
      setValue(entity, local, value)
      filled.add(local)
    }
    if (isDeclared(relation)) relationHandle(entity, name).fill(target)
  }
}
