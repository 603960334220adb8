import { DataBridgeError, describe } from '../errors.ts'
import type { LazyMode } from '../schema/lazy-mode.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import type { CallSite } from '../util/call-site.ts'
import type { Row } from '../schema/wire-form.ts'
import type { Entity } from './entity.ts'
import type { BudgetOwner } from './json-budget.ts'
import type { Links } from './links.ts'
import type { Place } from './place.ts'
import type { RelationHandle } from './relation-handle.ts'

/**
 * The state of an entity.
 *
 * `new`: the program made it, and no session knows it. `added`: the program called `session.add`.
 * `stored`: it is a row that the session knows. `deleted`: the program called `session.delete`.
 * `detached`: its session no longer knows it (rollback, close, a flushed delete).
 */
export type Lifecycle = 'new' | 'added' | 'stored' | 'deleted' | 'detached'

/** What a session does for the entities that it holds. */
export interface EntityOwner extends BudgetOwner {
  /** Undefined if nobody wants to know that the program reads a relation, and where. */
  readonly relationTouched:
    | ((
        owner: object,
        relation: RelationMetadata,
        isLoaded: boolean,
        provenance: Provenance | undefined,
      ) => CallSite | undefined)
    | undefined
  /** @param site where the program has read the relation */
  loadRelation(
    owner: object,
    relation: RelationMetadata,
    site: CallSite | undefined,
  ): Promise<unknown>
  /** The entity that a foreign key refers to now, if the session holds it. */
  heldTarget(owner: object, relation: RelationMetadata): object | undefined
  /** Tracks an entity that was related to one of the session. */
  adopt(entity: Entity): void
  /** An entity refers to a new one, or has links to flush. */
  related(entity: Entity): void
  /** The program has changed a loaded relation. */
  changedRelation(handle: RelationHandle): void
  /** A relation was loaded. */
  loadedRelation(handle: RelationHandle): void
  /** The number of rows behind a relation. */
  countRelation(
    owner: object,
    relation: RelationMetadata,
    site: CallSite | undefined,
  ): Promise<number>
  /** Whether a relation leads to a row. */
  hasRelated(
    owner: object,
    relation: RelationMetadata,
    site: CallSite | undefined,
  ): Promise<boolean>
  /** The promise of some work, for the program. */
  give<T>(work: () => Promise<T> | T): Promise<T>
}

/** A list from a query. A relation that is loaded for its entities one by one could be loaded for all at once. */
export interface ListResult {
  /** The table of the query. */
  readonly root: TableMetadata
  /** The relations from there to the list. Empty if it is the list of the query itself. */
  readonly steps: readonly RelationMetadata[]
  /** How many entities it has. */
  readonly size: number
  /** Whether the program has made its entities in the session: they are hardly all there is. */
  readonly isCreated?: boolean
  /** The operation that read it: an object that observers know. */
  readonly readBy: object | undefined
}

/** What a query says about the lazy loads of its entities. */
export interface LazyRules {
  /** The mode of the query. */
  readonly lazy: LazyMode | undefined
  /** The relations that it refuses to load lazily. */
  readonly raised: readonly RelationMetadata[] | undefined
}

/** Where an entity came from: a list, and the relations that were followed from there. */
export interface Provenance extends LazyRules {
  /** Undefined if it was read alone. */
  readonly list: ListResult | undefined
  /** Of an entity that was read alone: the way from the first one by a relation to its own table. */
  readonly path: readonly RelationMetadata[]
  /** The entities of the same statement, this one included; undefined if there is no other. */
  readonly members: readonly Entity[] | undefined
}

/** What the library knows about an entity. The entity itself has only its columns. */
export interface EntityState {
  readonly table: TableMetadata
  lifecycle: Lifecycle
  session: EntityOwner | undefined
  /** The row in the database. Dirty checking compares with it. */
  snapshot: Row | undefined
  /** The newest list that it came from, and what its query said; undefined if it was read alone, or is detached. */
  provenance: Provenance | undefined
  /** Where its JSON begins: see `Place`. */
  place: Place | undefined
  /** The handles that the program has touched, and those that a loader has filled. */
  handles: Map<string, RelationHandle> | undefined
  /** Entities that were given for foreign keys and are not stored yet. */
  references: Map<RelationMetadata, object> | undefined
  /** Entities that were added with this new one for a foreign key: its lists begin with them. */
  referrers: Set<Entity> | undefined
  /** Links of many-to-many relations that are not flushed yet. */
  links: Links | undefined
}

type StateReader = (value: unknown) => EntityState | undefined

// The state is a private field of the entity: only its class can read it.
let read: StateReader = () => undefined

/** Sets how a state is read. Called by the class of entities. */
export function setStateReader(reader: StateReader): void {
  read = reader
}

/** The state of an entity; undefined for any other value. */
export function findState(value: unknown): EntityState | undefined {
  return read(value)
}

/** The state of an entity. Throws if the value is not an entity. */
export function stateOf(entity: unknown): EntityState {
  const state = read(entity)
  if (state !== undefined) return state
  throw new DataBridgeError('DATA_BRIDGE_ERR_ENTITY', `expected an entity, got ${describe(entity)}`)
}
