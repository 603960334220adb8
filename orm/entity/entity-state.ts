import { DataBridgeError, describe } from '../errors.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Place } from './place.ts'
import type { RelationHandle } from './relation-handle.ts'

/** A row as PostgreSQL sent it: a text or NULL for each column of the table, in the order of its columns. */
export type RawRow = readonly (string | null)[]

/**
 * Where an entity stands.
 *
 * `new`: made by the program, no session knows it. `added`: `session.add` was called. `stored`: it is
 * a row that the session knows. `deleted`: `session.delete` was called. `detached`: its session has
 * let go of it (rollback, close, a flushed delete).
 */
export type Lifecycle = 'new' | 'added' | 'stored' | 'deleted' | 'detached'

/** What a session does for the entities that it holds. */
export interface EntityOwner {
  loadRelation(owner: object, relation: RelationMetadata): Promise<unknown>
}

/** A list that a query gave: what is loaded for its entities one by one could have been loaded at once. */
export interface ListResult {
  /** The table that a query has to ask for to get it. */
  readonly root: TableMetadata
  /** The relations that lead from there to the list: none where the query itself gave it. */
  readonly steps: readonly RelationMetadata[]
  /** How many entities it has. */
  readonly size: number
}

/** Where an entity came from: a list, and the relations that were followed from there. */
export interface Provenance {
  readonly list: ListResult
  readonly path: readonly RelationMetadata[]
}

/** The library's side of an entity; the entity itself has nothing but its columns. */
export interface EntityState {
  readonly table: TableMetadata
  lifecycle: Lifecycle
  session: EntityOwner | undefined
  /** What the database holds, as it came: dirty checking compares with it. */
  snapshot: RawRow | undefined
  /** The newest list that it came from; undefined where it was read on its own. */
  provenance: Provenance | undefined
  /** Where its JSON begins: see `Place`. */
  place: Place | undefined
  /** The handles that the program has touched, and those that a loader has filled. */
  handles: Map<string, RelationHandle> | undefined
  /** Entities that were given for foreign keys and are not stored yet. */
  references: Map<RelationMetadata, object> | undefined
}

type StateReader = (value: unknown) => EntityState | undefined

// The state is a private field of the entity: only its class can read it.
let read: StateReader = () => undefined

/** For the class of entities, which alone can read their states. */
export function setStateReader(reader: StateReader): void {
  read = reader
}

/** The library's side of an entity; undefined of anything else. */
export function findState(value: unknown): EntityState | undefined {
  return read(value)
}

/** The library's side of an entity. Refuses what is none. */
export function stateOf(entity: unknown): EntityState {
  const state = read(entity)
  if (state !== undefined) return state
  throw new DataBridgeError('DATA_BRIDGE_ERR_ENTITY', `expected an entity, got ${describe(entity)}`)
}
