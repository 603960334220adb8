import { absorb } from '../entity/absorb.ts'
import { type CompiledTable, compiledOf } from '../entity/compiled-table.ts'
import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { contradictionError, isSameValue } from '../entity/new-entity.ts'
import { setValue, valueOf } from '../entity/property.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import type { ColumnMetadata, RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { keptOf } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { insertDefaults, insertRows } from '../sql/write-statements.ts'
import { exactKeys } from './exact-keys.ts'
import { countError, keylessError, notStoredError } from './write-errors.ts'
import type { Writing } from './writing.ts'

/** Inserts rows of one table. Rows with values for the same columns are one statement. */
export async function insertTable(
  writing: Writing,
  table: TableMetadata,
  entities: readonly Entity[],
): Promise<void> {
  for (const entity of entities) fillForeignKeys(entity)
  const compiled = compiledOf(table)
  const sets = Map.groupBy(entities, (entity) => missingColumns(compiled, entity))
  for (const same of sets.values()) await insertSame(writing, table, same)
}

/** The positions of the columns without a value. */
function missingColumns(compiled: CompiledTable, entity: Entity): string {
  const values = compiled.valuesOf(entity)
  let missing = ''
  for (let position = 0; position < values.length; position += 1)
    if (values[position] === undefined) missing += `${position},`
  return missing
}

async function insertSame(
  writing: Writing,
  table: TableMetadata,
  entities: readonly Entity[],
): Promise<void> {
  const facts = writing.factsOf(table)
  const given = givenColumns(entities[0] as Entity)
  const omitted = given.filter(
    (column) => facts.isGenerated(column) && entities.every((one) => valueOf(one, column) === null),
  )
  const columns = given.filter((column) => !omitted.includes(column))
  const compiled = compiledOf(table)
  const values = entities.map((entity) => compiled.valuesOf(entity))
  const sent = columns.map((column) => keptColumn(writing, table, column, entities, values))
  const statement =
    columns.length === 0
      ? insertDefaults(table, entities.length)
      : insertRows(table, columns, sent, facts)
  const { rows, rowCount } = await writing.send({
    verb: 'INSERT',
    table,
    entities,
    statement,
  })
  const returned = facts.afterInsert(columns)
  const got = returned.length === 0 ? rowCount : rows.length
  if (got !== entities.length) throw countError('INSERT', table, entities.length, got)
  const blank = table.columns.map((column) => (omitted.includes(column) ? null : undefined))
  for (let index = 0; index < entities.length; index += 1) {
    const entity = entities[index] as Entity
    const held: (Primitive | undefined)[] = blank.slice()
    for (let at = 0; at < columns.length; at += 1)
      held[(columns[at] as ColumnMetadata).position] = sent[at]?.[index] ?? null
    const row = held.slice()
    const back = rows[index] ?? []
    for (let at = 0; at < returned.length; at += 1)
      row[(returned[at] as ColumnMetadata).position] = back[at] ?? null
    if (table.primaryKey.some(({ position }) => (row[position] ?? null) === null))
      throw keylessError(table)
    absorb(entity, row as Row, held)
    writing.work.inserted(entity)
  }
}

/** What is kept of one column of several entities. */
function keptColumn(
  writing: Writing,
  table: TableMetadata,
  column: ColumnMetadata,
  entities: readonly Entity[],
  values: readonly (readonly unknown[])[],
): Row {
  const exact =
    column.type.rangeOf === undefined ? undefined : exactKeys(writing.work.identity, table, column)
  const kept: Primitive[] = []
  for (let index = 0; index < entities.length; index += 1) {
    const value = values[index]?.[column.position]
    kept.push(exact?.(entities[index] as Entity) ?? keptOf(column, value))
  }
  return kept
}

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

/** Whether the foreign key of a relation has its value. */
export function hasKey(entity: Entity, { foreignKey }: RelationMetadata): boolean {
  return foreignKey.every((column) => valueOf(entity, column) !== undefined)
}

/** Fills in foreign keys that were given as entities. A key that the program set later stays. */
function fillForeignKeys(entity: Entity): void {
  const { references } = stateOf(entity)
  if (references === undefined) return
  const filled = new Set<ColumnMetadata>()
  for (const [relation, target] of references) {
    const { name, owner, pairs } = relation
    const missing = pairs.filter(
      ([local]) => filled.has(local) || valueOf(entity, local) === undefined,
    )
    if (missing.length === 0) continue
    for (const [local, remote] of missing) {
      const value = valueOf(target, remote)
      if (filled.has(local) && !isSameValue(local, valueOf(entity, local), value))
        throw contradictionError(`${owner.entityName}.${name}`, local.property)
      if (value === undefined) throw notStoredError(relation)
      setValue(entity, local, value)
      filled.add(local)
    }
    relationHandle(entity, name).fill(target)
  }
}
