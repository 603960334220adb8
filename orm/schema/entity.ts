import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnMetadata, RelationMetadata, TableMetadata } from './metadata.ts'
import { listed, tableOf } from './metadata.ts'
import { jsonOf } from './entity-json.ts'
import type { EntityOwner, EntityState, RawRow } from './entity-state.ts'
import { RelationHandle } from './relation-handle.ts'
import { decodeColumn, isUnchanged, requireValue } from './values.ts'

type Values = Record<string, unknown>
type EntityClass = new (values: unknown) => Entity

interface Hydration {
  readonly entity: unknown
  readonly row: RawRow
  readonly session: EntityOwner
}

// A row on its way through the constructor chain, so that a subclass's private fields and initialisers run.
let hydration: Hydration | undefined

// Classes of which an instance is known to be complete: its columns were defined so that no initialiser could shadow them.
const tried = new WeakSet<object>()
const hydrated = new WeakSet<object>()
const withConstructor = new WeakMap<object, boolean>()

// Not a static method, which every entity class would inherit.
let readState: (value: unknown) => EntityState | undefined

/** What every entity inherits. Its columns are plain own properties; everything else is private. */
export class Entity {
  readonly #state: EntityState

  constructor(table: TableMetadata, entity: unknown, values: unknown) {
    const isHydration = hydration !== undefined && hydration.entity === entity
    const row = isHydration ? hydration?.row : undefined
    this.#state = {
      table,
      lifecycle: isHydration ? 'stored' : 'new',
      session: isHydration ? hydration?.session : undefined,
      snapshot: row,
      origin: undefined,
      handles: undefined,
      references: undefined,
    }
    if (isHydration) hydration = undefined
    const isFirst = !tried.has(entity as object)
    if (isFirst) refuseAccessors(tableOf(entity), entity as EntityClass)
    if (row === undefined) assignNew(this as unknown as Values, this.#state, values, isFirst)
    else assignRow(this as unknown as Values, table, row, isFirst)
  }

  /**
   * The columns, except hidden ones, and the loaded relations. An entity that is on the path already
   * gives its columns only, so that both sides of a relation may be loaded, and so do the entities of a
   * relation that was followed on the path before, unless it is a tree that goes on.
   */
  toJSON(): Record<string, unknown> {
    return jsonOf(this, this.#state, readState)
  }

  static {
    readState = (value) =>
      typeof value === 'object' && value !== null && #state in value ? value.#state : undefined
  }
}

function isEntity(value: unknown): value is Entity {
  return readState(value) !== undefined
}

/** The library's side of an entity. Refuses what is none. */
export function stateOf(entity: unknown): EntityState {
  const state = readState(entity)
  if (state !== undefined) return state
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_ENTITY',
    `expected an entity; came ${describe(entity)}`,
  )
}

/** An entity out of a row that a query brought. */
export function hydrate(table: TableMetadata, row: RawRow, session: EntityOwner): Entity {
  const entity = table.entity as unknown as EntityClass
  hydration = { entity, row, session }
  try {
    const made = new entity(hasConstructor(entity) ? valuesOf(table, row) : undefined)
    if (!hydrated.has(entity)) refuseShadowing(made, table, row)
    tried.add(entity)
    return made
  } catch (cause) {
    throw explainConstruction(cause, table)
  } finally {
    hydration = undefined
  }
}

// The base takes the row whatever it is given; a constructor of the class's own may look at its argument.
function hasConstructor(entity: EntityClass): boolean {
  let answer = withConstructor.get(entity)
  if (answer === undefined) {
    answer = /\bconstructor\s*\(/.test(Function.prototype.toString.call(entity))
    withConstructor.set(entity, answer)
  }
  return answer
}

function valuesOf(table: TableMetadata, row: RawRow): Values {
  return Object.fromEntries(
    table.columns.map((column) => [
      column.property,
      decodeColumn(column, row[column.position] ?? null),
    ]),
  )
}

/** The constructors of an entity have run to their end, so nothing in its class shadows a column. */
export function constructed(entity: Entity): void {
  tried.add(stateOf(entity).table.entity)
}

/** The handle behind `user.posts`, made when it is first touched. */
export function relationHandle(entity: unknown, name: string): RelationHandle {
  const state = stateOf(entity)
  state.handles ??= new Map()
  const existing = state.handles.get(name)
  if (existing !== undefined) return existing
  const handle = new RelationHandle(entity as object, state, state.table.relation(name))
  state.handles.set(name, handle)
  return handle
}

function assignRow(target: Values, table: TableMetadata, row: RawRow, isFirst: boolean): void {
  for (const column of table.columns) {
    assign(target, column.property, decodeColumn(column, row[column.position] ?? null), isFirst)
  }
}

function assignNew(target: Values, state: EntityState, values: unknown, isFirst: boolean): void {
  const { table } = state
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_ENTITY',
      `new ${table.entityName}(…) expected an object with its columns; came ${describe(values)}`,
    )
  }
  const given = values as Values
  refuseUnknownKeys(table, given)
  const references = givenReferences(table, given)
  const missing: string[] = []
  for (const column of table.columns) {
    const own = given[column.property]
    const value = own === undefined ? referencedKey(column, references) : own
    if (value !== undefined) requireValue(table, column, value)
    // Of an entity that has no key yet: no default may stand where that key will.
    const isAwaited = value === undefined && isReferenced(column, references)
    const initial = value === undefined && !isAwaited ? initialValue(column) : value
    assign(target, column.property, initial, isFirst)
    if (initial === undefined && !isAwaited && !isMadeByDatabase(column))
      missing.push(column.property)
  }
  if (missing.length > 0) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_ENTITY',
      `new ${table.entityName}(…) is missing ${listed(missing)}`,
    )
  }
  for (const [relation, entity] of references) fillReference(target, state, relation, entity)
}

function fillReference(
  target: Values,
  state: EntityState,
  relation: RelationMetadata,
  entity: Entity,
): void {
  if (stateOf(entity).snapshot === undefined) {
    state.references ??= new Map()
    state.references.set(relation, entity)
  }
  relationHandle(target, relation.name).fill(entity)
}

function refuseUnknownKeys(table: TableMetadata, given: Values): void {
  for (const key of Object.keys(given)) {
    if (table.columnOf.has(key) || table.relationNames.includes(key)) continue
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_ENTITY',
      `${table.entityName} has no column or relation ${key}; ` +
        `it has ${listed([...table.columnOf.keys(), ...table.relationNames])}`,
    )
  }
}

/** The entities that were given for foreign keys: `new Post({ title, author: user })`. */
function givenReferences(
  table: TableMetadata,
  given: Values,
): ReadonlyMap<RelationMetadata, Entity> {
  const references = new Map<RelationMetadata, Entity>()
  for (const name of table.relationNames) {
    const value = given[name]
    if (value === undefined) continue
    const relation = table.relation(name)
    const where = `new ${table.entityName}(…): ${name}`
    if (relation.kind === 'hasMany') {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_ENTITY',
        `${where} has many rows and cannot be given; give ${relation.foreignKey.property} or its entity to each ${relation.target.entityName}`,
      )
    }
    if (value === null) {
      if (relation.foreignKey.nullable) continue
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_ENTITY',
        `${where} expected a ${relation.target.entityName}; came null`,
      )
    }
    if (!isEntity(value) || stateOf(value).table !== relation.target) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_ENTITY',
        `${where} expected a ${relation.target.entityName}; came ${describe(value)}`,
      )
    }
    refuseContradiction(where, relation, given, value)
    for (const [other, entity] of references)
      if (other.foreignKey === relation.foreignKey && entity !== value)
        throw contradictionError(where, other.name)
    references.set(relation, value)
  }
  return references
}

function refuseContradiction(
  where: string,
  relation: RelationMetadata,
  given: Values,
  entity: Entity,
): void {
  const key = given[relation.foreignKey.property]
  if (key === undefined || key === keyOf(entity, relation.target)) return
  throw contradictionError(where, relation.foreignKey.property)
}

function contradictionError(where: string, other: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_ENTITY',
    `${where} and ${other} contradict each other; give one of them`,
  )
}

function referencedKey(
  column: ColumnMetadata,
  references: ReadonlyMap<RelationMetadata, Entity>,
): unknown {
  for (const [relation, entity] of references) {
    if (relation.foreignKey === column) return keyOf(entity, relation.target)
  }
  return undefined
}

function isReferenced(
  column: ColumnMetadata,
  references: ReadonlyMap<RelationMetadata, Entity>,
): boolean {
  for (const relation of references.keys()) if (relation.foreignKey === column) return true
  return false
}

/** The primary key's value; undefined where PostgreSQL has not given it yet. */
export function keyOf(entity: object, table: TableMetadata): unknown {
  return (entity as Values)[table.primaryKey.property]
}

function initialValue(column: ColumnMetadata): unknown {
  if (column.default?.kind === 'value') return copyOf(column.default.value)
  if (isMadeByDatabase(column)) return undefined
  return column.nullable ? null : undefined
}

// Entities must not share the object of a default, which the program may change.
function copyOf(value: unknown): unknown {
  return typeof value === 'object' ? structuredClone(value) : value
}

/** Whether an INSERT may leave the column out. */
export function isMadeByDatabase(column: ColumnMetadata): boolean {
  return column.generated || column.default?.kind === 'sql'
}

// An initialiser or a redeclaration in a subclass defines its property anew, which a property that is
// not configurable refuses: so it is found with the first instance, before it can shadow a column.
function assign(target: Values, property: string, value: unknown, isFirst: boolean): void {
  if (!isFirst) {
    target[property] = value
    return
  }
  Object.defineProperty(target, property, {
    value,
    enumerable: true,
    writable: true,
    configurable: false,
  })
}

function refuseAccessors(table: TableMetadata, entity: EntityClass): void {
  const hidden = table.columns.find(({ property }) => property in entity.prototype)
  if (hidden === undefined) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `class ${table.entityName} has a method or accessor ${hidden.property}, which is the name of a column; rename one of them`,
  )
}

// Where a compiler turns initialisers into assignments, nothing throws; then the value gives it away.
function refuseShadowing(entity: Entity, table: TableMetadata, row: RawRow): void {
  for (const column of table.columns) {
    const text = row[column.position] ?? null
    const value = (entity as unknown as Values)[column.property]
    if (isUnchanged(column, value, text)) continue
    throw shadowingError(table, column.property)
  }
  hydrated.add(table.entity)
}

function explainConstruction(cause: unknown, table: TableMetadata): unknown {
  const shadowed = /^Cannot redefine property: (.+)$/.exec(
    cause instanceof TypeError ? cause.message : '',
  )?.[1]
  return shadowed !== undefined && table.columnOf.has(shadowed)
    ? shadowingError(table, shadowed)
    : cause
}

function shadowingError(table: TableMetadata, property: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `class ${table.entityName} sets ${property} by an initialiser, a redeclaration or its constructor, which would hide ` +
      `the column's value: remove it from the class (a default belongs into the column: .default(…))`,
  )
}
