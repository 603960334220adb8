import type { Finding, Site } from '../../orm/index.ts'

/** A statement that a session has sent. */
export interface RecordedStatement {
  /** Its text without values, comments and line breaks. Lists of values are one: `in (…)`. */
  readonly sql: string
  readonly kind: 'read' | 'write'
  /** The verb and the table: `SELECT posts`. */
  readonly summary: string
  /** What sent it: `find`, `get`, `selectinload`, `flush`; `select` or `peers` for a lazy load. */
  readonly operation: string | undefined
  /** Undefined if it failed. */
  readonly rows: number | undefined
  readonly durationMs: number
  readonly error?: unknown
  /** Where the program caused it. */
  readonly site?: Site | undefined
}

/** How many statements of each kind there were. */
export interface QueryCounts {
  readonly total: number
  readonly select: number
  readonly insert: number
  readonly update: number
  readonly delete: number
  /** All that write. */
  readonly write: number
}

/** The lazy loads of one relation. */
export interface ImplicitLoad {
  /** `Post.author` */
  readonly relation: string
  readonly count: number
  /** Where the first one was. */
  readonly site?: Site | undefined
}

/** What sessions have done while a function ran. BEGIN, COMMIT, ROLLBACK, SAVEPOINT and SET are not counted. */
export interface QueryRecord {
  /** The request: `GET /posts/:id`. Undefined if there was none. */
  readonly route: string | undefined
  /** How many sessions have begun. */
  readonly sessions: number
  readonly queryCount: number
  /** The milliseconds of all statements, including BEGIN, COMMIT and the others. */
  readonly durationMs: number
  readonly counts: QueryCounts
  /** In the order in which they were sent; at most 1,000. */
  readonly statements: readonly RecordedStatement[]
  /** Whether there were more statements. */
  readonly truncated: boolean
  /** The tables that statements name, sorted. */
  readonly tables: readonly string[]
  readonly findings: readonly Finding[]
  readonly implicitLoads: readonly ImplicitLoad[]
  /** Relations that were loaded lazily for a list with fewer than two rows: whether that is a pattern is unknown. */
  readonly inconclusive: readonly string[]
}
