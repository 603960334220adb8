import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnMetadata, RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { requireValue } from '../schema/values.ts'
import { listed } from '../util/messages.ts'
import type { Entity } from './entity.ts'
import { compiledOf } from './compiled-table.ts'
import { writesOf } from './compiled-writes.ts'
import { type EntityState, stateOf } from './entity-state.ts'
import { initialValue, isMadeLater } from './looped-writes.ts'
import { valueOf } from './property.ts'
import { isReferenced } from './references.ts'
import { relationHandle } from './relation-handle.ts'
import { requireTarget } from './relation-writes.ts'
import { isSameValue } from './same-value.ts'
import { assign } from './shadowing.ts'

type Values = Record<string, unknown>

/** Assigns what `new User({ … })` was given, and the defaults. */
export function assignNew(
  target: object,
  state: EntityState,
  values: unknown,
  isFirst: boolean,
): void {
  const { table } = state
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_ENTITY',
      `new ${table.entityName}(…) expected an object with its columns, got ${describe(values)}`,
    )
  }
  // The first instance shows whether something in the class shadows a column.
  if (!isFirst && writesOf(table).make(target, values)) return
  const given = values as Values
  refuseUnknownKeys(table, given)
  const references = givenReferences(table, given)
  const missing: string[] = []
  const initials: unknown[] = []
  const { columns } = table
  for (let position = 0; position < columns.length; position += 1) {
    const column = columns[position] as ColumnMetadata
    const own = given[column.property]
    const value = own === undefined ? referencedKey(column, references) : own
    if (value !== undefined) requireValue(table, column, value)
    // The referenced entity has no key yet. A default must not take the place of that key.
    const isAwaited = value === undefined && isReferenced(column, references)
    const initial = value === undefined && !isAwaited ? initialValue(column) : value
    if (isFirst) assign(target, column, initial)
    initials.push(initial)
    if (initial === undefined && !isAwaited && !isMadeLater(column)) missing.push(column.property)
  }
  if (missing.length > 0) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_ENTITY',
      `new ${table.entityName}(…) is missing ${listed(missing)}`,
    )
  }
  if (!isFirst) compiledOf(table).fill(target, initials)
  for (const [relation, entity] of references) fillReference(target, state, relation, entity)
}

function fillReference(
  target: object,
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
    if (!relation.holdsKey) throw notGivenError(where, relation)
    if (value === null) {
      if (relation.foreignKey.some(({ nullable }) => nullable)) continue
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_ENTITY',
        `${where} expected a ${relation.target.entityName}, got null`,
      )
    }
    requireTarget(where, relation, value)
    const entity = value as Entity
    refuseContradiction(where, relation, given, entity)
    for (const [other, its] of references)
      if (its !== entity && disagree(other, its, relation, entity))
        throw contradictionError(where, other.name)
    references.set(relation, entity)
  }
  return references
}

function notGivenError(where: string, { name, cardinality }: RelationMetadata): DataBridgeError {
  const reason =
    cardinality === 'one' ? 'has its foreign key on the other side' : 'leads to many rows'
  const instead = cardinality === 'one' ? `${name}.set(…)` : `${name}.add(…)`
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_ENTITY',
    `${where} ${reason} and cannot be given; call ${instead} on the new entity`,
  )
}

/** Whether two entities would give one column different values. Two entities for the same foreign key always would. */
function disagree(
  one: RelationMetadata,
  first: Entity,
  other: RelationMetadata,
  second: Entity,
): boolean {
  const shared = one.pairs.flatMap(([local, remote]) => {
    const pair = other.pairs.find(([column]) => column === local)
    return pair === undefined ? [] : [{ local, remote, otherRemote: pair[1] }]
  })
  if (shared.length === one.pairs.length && shared.length === other.pairs.length) return true
  return shared.some(({ local, remote, otherRemote }) => {
    const [a, b] = [valueOf(first, remote), valueOf(second, otherRemote)]
    return a !== undefined && b !== undefined && !isSameValue(local, a, b)
  })
}

function refuseContradiction(
  where: string,
  relation: RelationMetadata,
  given: Values,
  entity: Entity,
): void {
  for (const [local, remote] of relation.pairs) {
    const key = given[local.property]
    if (key === undefined || isSameValue(local, key, valueOf(entity, remote))) continue
    throw contradictionError(where, local.property)
  }
}

export function contradictionError(where: string, other: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_ENTITY',
    `${where} and ${other} contradict each other; give one of them`,
  )
}

function referencedKey(
  column: ColumnMetadata,
  references: ReadonlyMap<RelationMetadata, Entity>,
): unknown {
  for (const [{ pairs }, entity] of references) {
    const pair = pairs.find(([local]) => local === column)
    const value = pair && valueOf(entity, pair[1])
    if (value !== undefined) return value
  }
  return undefined
}
