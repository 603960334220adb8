/** What kind of pattern was found. */
export type FindingKind = 'n1.relation'

/** How sure the finding is: `certain` is proved by where the entities came from. */
export type FindingConfidence = 'certain' | 'likely' | 'possible'

export type FindingSeverity = 'info' | 'warn' | 'error'

/** A pattern in a session's statements that costs more than it has to, and what to do about it. */
export interface Finding {
  readonly kind: FindingKind
  /** The relation: `Post.author`. */
  readonly target: string
  /** How many statements the pattern ran. */
  readonly count: number
  /** How many of them one batch would have saved. */
  readonly avoidableQueries: number
  readonly confidence: FindingConfidence
  readonly severity: FindingSeverity
  /** The list that the entities came from: `Post` of a query, `User.posts` of an entity that was read on its own. */
  readonly parent: { readonly target: string; readonly rows: number }
  /** One of the statements, without values. */
  readonly sql: string
  /** What to write instead, as code. */
  readonly fix: string
}
