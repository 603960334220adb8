import type { Provenance } from '../entity/entity-state.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'

export type { Provenance, RelationMetadata, TableMetadata }

interface Nested {
  /** The operation that this one is part of; without: the program started it. */
  readonly parent?: Operation | undefined
}

/** A query that the program asked for. */
export interface QueryOperation extends Nested {
  readonly kind: 'query'
  readonly name: 'find' | 'first' | 'one' | 'get' | 'count' | 'exists' | 'aggregate' | 'execute'
  /** None for `execute`. */
  readonly table: TableMetadata | undefined
  /** How many conditions are joined by AND at the top. */
  readonly filters: number
  readonly limit: number | undefined
  /** Whether the identity map has what is asked for, so that nothing is sent. */
  readonly cacheHit?: boolean
}

/** A step in a session's life. */
export interface SessionOperation extends Nested {
  readonly kind: 'session'
  readonly name: 'open' | 'flush' | 'commit' | 'rollback' | 'close'
  /** How many entities were added, changed and deleted and not flushed yet. */
  readonly pending: number
  readonly dirty: number
  readonly deleted: number
}

/** A relation that is loaded: of one entity when it is first awaited, or of many at once. */
export interface RelationshipOperation extends Nested {
  readonly kind: 'relationship'
  readonly strategy: 'select' | 'selectinload'
  readonly relation: RelationMetadata
  readonly owners: readonly object[]
  /** Where the owner of a lazy load came from. */
  readonly provenance?: Provenance | undefined
  /** Whether the identity map has what is asked for, so that nothing is sent. */
  readonly cacheHit: boolean
  /** How deep the loader is nested; 0 is directly below the query. */
  readonly depth: number
}

export type Operation = QueryOperation | SessionOperation | RelationshipOperation

/** How an operation ended. */
export interface Outcome {
  /** How many rows, or entities, it gave. */
  readonly rows?: number
  readonly error?: unknown
}
