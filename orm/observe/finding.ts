/** The kind of pattern. */
export type FindingKind = 'n1.relation' | 'n1.query'

/** How sure the finding is. `certain`: the provenance of the entities proves it. `possible`: a text is sent again and again. */
export type FindingConfidence = 'certain' | 'likely' | 'possible'

export type FindingSeverity = 'info' | 'warn' | 'error'

/** A costly pattern in the statements of a session, and what to do about it. */
export interface Finding {
  readonly kind: FindingKind
  /** The relation: `Post.author`. Of your own SQL, verb and table: `SELECT posts`. */
  readonly target: string
  /** How many statements the pattern ran. */
  readonly count: number
  /** How many of them a batch would save. */
  readonly avoidableQueries: number
  readonly confidence: FindingConfidence
  readonly severity: FindingSeverity
  /** The list that the entities came from: `Post` for a query, `User.posts` for an entity that was read alone. Only for relations. */
  readonly parent?: { readonly target: string; readonly rows: number } | undefined
  /** One of the statements, without values. */
  readonly sql: string
  /** What to write instead, as code. */
  readonly fix: string
}
