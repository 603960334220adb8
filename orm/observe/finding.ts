/**
 * The kind of pattern. `n1.relation`: a relation of the entities of a list is loaded one by one. `n1.get`: `get()` in a
 * loop. `n1.query`: another query in a loop. `n1.write`: a flush, a transaction or a write of your own SQL in a loop.
 * `n1.recursive`: a relation to the own table is followed level by level. `n1.latent`: a relation would be loaded one by
 * one if the list had more than one row. `duplicate`: the same statement with the same values. `eager.unused`: a loader
 * whose result nobody reads. `budget`: more statements than the route allows. `slope`: the statements of a route grow with
 * its rows. `tx.external_io`: a transaction that waits for something else.
 */
export type FindingKind =
  | 'n1.relation'
  | 'n1.get'
  | 'n1.query'
  | 'n1.write'
  | 'n1.recursive'
  | 'n1.latent'
  | 'duplicate'
  | 'eager.unused'
  | 'budget'
  | 'slope'
  | 'tx.external_io'

/**
 * How sure the finding is. `certain`: entities, their relations and their keys prove it. `likely`: one loop sends the
 * statements. `possible`: a text is sent again and again.
 */
export type FindingConfidence = 'certain' | 'likely' | 'possible'

export type FindingSeverity = 'info' | 'warn' | 'error'

/** A place in the sources of the program. */
export interface Site {
  /** From the working directory, if it is in there. */
  readonly file: string
  readonly line: number
  readonly column: number
  readonly function?: string | undefined
}

/** The list that the rows of a pattern came from. */
export interface FindingParent {
  /** `Post` for a query, `User.posts` for the list of an entity that was read alone. */
  readonly target: string
  readonly rows: number
  /** Where its query is. */
  readonly site?: Site | undefined
}

/** A costly pattern in the statements of a session, and what to do about it. */
export interface Finding {
  readonly kind: FindingKind
  /** The relation: `Post.author`. Of a `get()` the entity: `User`. Otherwise verb and table: `SELECT posts`. */
  readonly target: string
  /** How many statements the pattern ran. */
  readonly count: number
  /** How many of them a batch would save. */
  readonly avoidableQueries: number
  readonly confidence: FindingConfidence
  readonly severity: FindingSeverity
  /** How many milliseconds its statements took together. */
  readonly durationMs: number
  /** About how many of them a batch would save. */
  readonly avoidableMs: number
  /** Where the program sends the statements. */
  readonly site?: Site | undefined
  readonly parent?: FindingParent | undefined
  /** One of the statements, without values. */
  readonly sql?: string | undefined
  /** What to write instead, as code. */
  readonly fix: string
  /** The relations from the list to what is loaded: `['Post.comments', 'Comment.author']`. */
  readonly path?: readonly string[] | undefined
  /** The name that `database.scope()` was given. */
  readonly scope?: string | undefined
}
