import type { Provenance } from '../entity/entity-state.ts'
import type { ColumnMetadata, RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import type { CallSite } from '../util/call-site.ts'

export type { ColumnMetadata, Provenance, RelationMetadata, TableMetadata }

interface Nested {
  /** The operation that this one is part of; undefined if the program started it. */
  readonly parent?: Operation | undefined
  /** Where the program has called for it. Set by who wants to know. */
  site?: CallSite | undefined
}

/** A query of the program. */
export interface QueryOperation extends Nested {
  readonly kind: 'query'
  readonly name:
    | 'find'
    | 'first'
    | 'one'
    | 'get'
    | 'count'
    | 'exists'
    | 'aggregate'
    | 'stream'
    | 'update'
    | 'delete'
    | 'execute'
    | 'insert'
    | 'upsert'
    | 'copy'
  /** Undefined for `execute`. */
  readonly table: TableMetadata | undefined
  /** The number of conditions that AND joins at the top level. */
  readonly filters: number
  readonly limit: number | undefined
  /** Whether the identity map has the result, so that no statement is sent. */
  readonly cacheHit?: boolean
  /** Whose relation is counted. */
  readonly counted?: CountedRelation | undefined
  /** Of `get`: for several keys at once, to read a row again, or only deferred columns. */
  readonly variant?: 'many' | 'refresh' | 'deferred' | undefined
  /** Whose columns are read; undefined unless it is one entity. */
  readonly deferred?: DeferredColumns | undefined
}

/** Deferred columns of one entity. */
export interface DeferredColumns {
  readonly columns: readonly ColumnMetadata[]
  readonly owner: object
  readonly provenance: Provenance | undefined
}

/** A relation of one entity that the program counts. */
export interface CountedRelation {
  readonly relation: RelationMetadata
  readonly owner: object
  readonly provenance: Provenance | undefined
}

/** A step in a session's life. */
export interface SessionOperation extends Nested {
  readonly kind: 'session'
  readonly name: 'open' | 'flush' | 'commit' | 'after_commit' | 'rollback' | 'close'
  /** How many entities were added, changed and deleted since the last flush. */
  readonly pending: number
  readonly dirty: number
  readonly deleted: number
  /** The name of the function that `afterCommit()` was given, if it has one. */
  readonly callback?: string | undefined
}

/** A relation that is loaded or counted: when it is first awaited, of that entity or also of its peers, or of many entities at once. */
export interface RelationshipOperation extends Nested {
  readonly kind: 'relationship'
  readonly strategy: 'select' | 'peers' | 'selectinload' | 'joinedload' | 'countload'
  readonly relation: RelationMetadata
  readonly owners: readonly object[]
  /** The provenance of the owner, if the program asked for one. */
  readonly provenance?: Provenance | undefined
  /** How many statements it saves, if each owner would have been loaded alone. */
  readonly saved?: number | undefined
  /** Whether the identity map has the result, so that no statement is sent. */
  readonly cacheHit: boolean
  /** How deep the loader is nested; 0 is directly below the query. */
  readonly depth: number
}

export type Operation = QueryOperation | SessionOperation | RelationshipOperation

/** How an operation ended. */
export interface Outcome {
  /** The number of rows or entities in the result. */
  readonly rows?: number
  readonly error?: unknown
}
