import { DataBridgeError, describe } from '../errors.ts'
import { holderOf, inversesOf, isDeclared, isOptional, nameOf, twinsOf } from '../schema/inverse.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import { linkColumns, type Through } from '../schema/relation-metadata.ts'
import { isUnchanged } from '../schema/values.ts'
import { listed } from '../util/messages.ts'
import type { Entity } from './entity.ts'
import { type EntityState, findState, stateOf } from './entity-state.ts'
import { changeLink } from './links.ts'
import { initialValue, isMadeLater } from './looped-writes.ts'
import { isSameValue } from './same-value.ts'
import { setValue, valueOf } from './property.ts'
import type { RelationHandle } from './relation-handle.ts'

/** `post.author.set(user)`: the foreign key, both sides, and the new one of two is tracked with the other. */
export function setRelated(owner: Entity, relation: RelationMetadata, value: unknown): void {
  const where = `${nameOf(relation)}.set()`
  if (value !== null) requireRelated(where, owner, relation, value)
  if (relation.holdsKey) return refer(where, owner, relation, value as Entity | null)
  const handle = begunHandle(owner, relation)
  if (!handle.isKnown) {
    const how = handle.isLoaded
      ? `load it without a filter: selectinload(${nameOf(relation)})`
      : 'await it first'
    throw relationError(
      `${where} expected a loaded relation: the ${relation.target.entityName} that refers to the row now has to let it go; ${how}`,
    )
  }
  const holder = holderOf(relation)
  if (value !== null) return refer(where, value as Entity, holder, owner)
  const former = handle.loaded[0] ?? null
  if (former !== null && !isDeleted(former)) refer(where, former, holder, null)
}

/** `user.posts.add(post)`. */
export function addRelated(
  owner: Entity,
  relation: RelationMetadata,
  values: readonly unknown[],
): void {
  const where = `${nameOf(relation)}.add()`
  for (const value of values) requireRelated(where, owner, relation, value)
  if (relation.through !== undefined) requireBareLink(where, relation.through)
  begunHandle(owner, relation)
  for (const entity of values as readonly Entity[]) {
    if (relation.through === undefined) refer(where, entity, holderOf(relation), owner)
    else link(owner, relation, entity)
  }
}

/** `user.posts.remove(post)`. What is not in the relation is left alone. */
export function removeRelated(
  owner: Entity,
  relation: RelationMetadata,
  values: readonly unknown[],
): void {
  const where = `${nameOf(relation)}.remove()`
  for (const value of values) requireTarget(where, relation, value)
  for (const entity of values as readonly Entity[]) {
    if (relation.through !== undefined) unlink(owner, relation, entity)
    else if (isRelated(owner, relation, entity)) {
      if (!isDeleted(entity)) refer(where, entity, holderOf(relation), null)
      exclude(owner, relation, entity)
    }
  }
}

/** A new entity that was given another one for its foreign key joins the lists of that one, when they are loaded. */
export function includeGiven(entity: Entity): void {
  const { handles, table } = stateOf(entity)
  handles?.forEach((handle, name) => {
    const relation = table.relation(name)
    const [target] = relation.holdsKey ? handle.loaded : []
    if (target === undefined) return
    const state = stateOf(target)
    if (state.snapshot === undefined) (state.referrers ??= new Set()).add(entity)
    for (const inverse of inversesOf(relation)) {
      state.handles?.get(inverse.name)?.include(entity)
    }
  })
}

/** The new entities that are saved with one: those that it refers to, and those in its lists. */
export function newlyRelated(entity: Entity): readonly Entity[] {
  const { references, handles } = stateOf(entity)
  const related = [...(references?.values() ?? [])] as Entity[]
  handles?.forEach((handle) => {
    for (const other of handle.loaded) if (stateOf(other).lifecycle === 'new') related.push(other)
  })
  return related
}

// --- foreign keys

function refer(
  where: string,
  entity: Entity,
  relation: RelationMetadata,
  target: Entity | null,
): void {
  const state = stateOf(entity)
  if (target === null && !isOptional(relation)) throw requiredError(where, relation)
  refuseOtherKey(where, entity, state, relation, target)
  const former = formerTarget(entity, state, relation)
  const displaced = target === null ? [] : displacedBy(where, entity, relation, target)
  if (target !== null) trackBoth(entity, target)
  for (const other of displaced) refer(where, other, relation, null)
  if (former !== target || target === null) assignKey(entity, state, relation, target)
  if (isDeclared(relation)) handleOf(entity, relation).fill(target)
  for (const inverse of inversesOf(relation)) {
    if (former !== target && former !== undefined && former !== null)
      exclude(former, inverse, entity)
    if (target !== null) include(target, inverse, entity)
  }
}

function assignKey(
  entity: Entity,
  state: EntityState,
  relation: RelationMetadata,
  target: Entity | null,
): void {
  for (const other of state.references?.keys() ?? [])
    if (hasSameKey(other, relation)) state.references?.delete(other)
  for (const [local, remote] of relation.pairs) {
    if (target !== null) setValue(entity, local, valueOf(target, remote))
    else if (local.nullable) setValue(entity, local, null)
  }
  if (target === null || stateOf(target).snapshot !== undefined) return
  state.references ??= new Map()
  state.references.set(relation, target)
  state.session?.related(entity)
}

function hasSameKey(one: RelationMetadata, other: RelationMetadata): boolean {
  return (
    one.foreignKey.length === other.foreignKey.length &&
    one.foreignKey.every((column) => other.foreignKey.includes(column))
  )
}

/** What an entity refers to now; undefined if the session does not hold it. */
function formerTarget(
  entity: Entity,
  state: EntityState,
  relation: RelationMetadata,
): Entity | null | undefined {
  for (const [other, target] of state.references ?? [])
    if (hasSameKey(other, relation)) return target as Entity
  const values = relation.foreignKey.map((column) => valueOf(entity, column) ?? null)
  if (values.includes(null)) return null
  if (isDeclared(relation)) {
    const handle = handleOf(entity, relation)
    if (handle.isKnown) return handle.value as Entity | null
  }
  return state.session?.heldTarget(entity, relation) as Entity | undefined
}

/** The entities that give up a target which at most one may refer to. */
function displacedBy(
  where: string,
  entity: Entity,
  relation: RelationMetadata,
  target: Entity,
): readonly Entity[] {
  const others = new Set<Entity>()
  for (const inverse of inversesOf(relation)) {
    if (inverse.cardinality === 'many') continue
    const other = begunHandle(target, inverse).loaded[0] ?? null
    if (other === null || other === entity || isDeleted(other)) continue
    if (!isOptional(relation)) {
      throw relationError(
        `${where} expected a ${relation.target.entityName} without a ${relation.owner.entityName}, got one that has another: ` +
          `${nameOf(relation)} cannot be null; delete the other one first`,
      )
    }
    others.add(other)
  }
  return [...others]
}

function refuseOtherKey(
  where: string,
  entity: Entity,
  { snapshot }: EntityState,
  { pairs }: RelationMetadata,
  target: Entity | null,
): void {
  if (snapshot === undefined || target === null) return
  for (const [local, remote] of pairs) {
    if (!local.primaryKey || isSameValue(local, valueOf(entity, local), valueOf(target, remote)))
      continue
    throw relationError(
      `${where} would change ${local.property}, which is the primary key of a stored row; delete the row and add a new one`,
    )
  }
}

function isRelated(owner: Entity, relation: RelationMetadata, entity: Entity): boolean {
  const state = stateOf(entity)
  const holder = holderOf(relation)
  const former = formerTarget(entity, state, holder)
  if (former !== undefined) return former === owner
  // PostgreSQL decides which keys are equal, such as 'Ann' and 'ANN' in citext: it has put the entity into the list.
  return (
    handleOf(owner, relation).loaded.includes(entity) &&
    holder.foreignKey.every((column) =>
      isUnchanged(column, valueOf(entity, column), state.snapshot?.[column.position]),
    )
  )
}

// --- link tables

function link(owner: Entity, relation: RelationMetadata, target: Entity): void {
  const handle = handleOf(owner, relation)
  if (handle.loaded.includes(target)) return
  trackBoth(owner, target)
  changeLinks(owner, relation, target, true)
  for (const twin of twinsOf(relation)) include(owner, twin, target)
  for (const inverse of inversesOf(relation)) include(target, inverse, owner)
}

function unlink(owner: Entity, relation: RelationMetadata, target: Entity): void {
  const handle = handleOf(owner, relation)
  if (handle.isKnown && !handle.loaded.includes(target)) return
  changeLinks(owner, relation, target, false)
  for (const twin of twinsOf(relation)) exclude(owner, twin, target)
  for (const inverse of inversesOf(relation)) exclude(target, inverse, owner)
}

function changeLinks(
  owner: Entity,
  relation: RelationMetadata,
  target: Entity,
  isThere: boolean,
): void {
  const changed = changeLink({ relation, owner, target }, isThere)
  stateOf(changed).session?.related(changed)
}

// --- both sides

function include(owner: Entity, relation: RelationMetadata, entity: Entity): void {
  begunHandle(owner, relation).include(entity)
}

/**
 * The handle of a relation. That of a row which is not stored yet is loaded: nothing in the database belongs to it, only
 * the entities that were added with it for their foreign key.
 */
function begunHandle(owner: Entity, relation: RelationMetadata): RelationHandle {
  const handle = handleOf(owner, relation)
  const { snapshot, referrers } = stateOf(owner)
  if (handle.isLoaded || snapshot !== undefined) return handle
  const related = [...(referrers ?? [])].filter((entity) => refersTo(entity, owner, relation))
  handle.fillByLoader(relation.cardinality === 'many' ? related : (related[0] ?? null))
  return handle
}

/** Whether an entity will be stored with a reference to a new one. */
function refersTo(entity: Entity, owner: Entity, relation: RelationMetadata): boolean {
  const { references, session, lifecycle } = stateOf(entity)
  if (session === undefined || lifecycle === 'deleted') return false
  return inversesOf(relation).some((holder) => references?.get(holder) === owner)
}

function exclude(owner: Entity, relation: RelationMetadata, entity: Entity): void {
  handleOf(owner, relation).exclude(new Set([entity]))
}

/** If a session tracks one of two, it tracks the other too. */
function trackBoth(one: Entity, other: Entity): void {
  const [its, others] = [stateOf(one).session, stateOf(other).session]
  if (its !== undefined && others === undefined) its.adopt(other)
  if (its === undefined && others !== undefined) others.adopt(one)
}

function handleOf(entity: Entity, { name }: RelationMetadata): RelationHandle {
  return valueOf(entity, { property: name }) as RelationHandle
}

// --- what is refused

/** Refuses a value that is no entity of the relation's target. */
export function requireTarget(where: string, { target }: RelationMetadata, value: unknown): void {
  if (findState(value)?.table === target) return
  throw relationError(`${where} expected a ${target.entityName}, got ${describe(value)}`)
}

function requireRelated(
  where: string,
  owner: Entity,
  relation: RelationMetadata,
  value: unknown,
): void {
  requireTarget(where, relation, value)
  const [its, others] = [stateOf(owner), stateOf(value)]
  for (const { lifecycle, table } of [its, others])
    if (lifecycle === 'deleted')
      throw relationError(`${where} expected entities that stay, got a deleted ${table.entityName}`)
  if (its.session === undefined || others.session === undefined || its.session === others.session)
    return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_DETACHED',
    `${where} expected a ${others.table.entityName} of the same session, got one of another session`,
  )
}

/** The row of a link table gets its two keys only, and defaults. */
function requireBareLink(where: string, through: Through): void {
  const { table } = through
  const keys = linkColumns(through)
  const missing = table.columns.filter(
    (column) =>
      !keys.includes(column) && initialValue(column) === undefined && !isMadeLater(column),
  )
  if (missing.length === 0) return
  const names = listed(missing.map(({ property }) => property))
  throw relationError(
    `${where} cannot make a ${table.entityName} without ${names}; add it to the session: session.add(new ${table.entityName}({ … }))`,
  )
}

function isDeleted(entity: Entity): boolean {
  return stateOf(entity).lifecycle === 'deleted'
}

function requiredError(where: string, relation: RelationMetadata): DataBridgeError {
  const columns = listed(relation.foreignKey.map(({ property }) => property))
  const { owner, target } = relation
  return relationError(
    `${where} would leave a ${owner.entityName} without its ${target.entityName}, and ${columns} cannot be null; ` +
      `delete the ${owner.entityName}, or give it to another ${target.entityName}`,
  )
}

function relationError(message: string): DataBridgeError {
  return new DataBridgeError('DATA_BRIDGE_ERR_ENTITY', message)
}
