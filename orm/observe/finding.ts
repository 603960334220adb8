/** The kind of pattern. */
export type FindingKind = 'n1.relation'

/** How sure the finding is. `certain`: the provenance of the entities proves it. */
export type FindingConfidence = 'certain' | 'likely' | 'possible'

export type FindingSeverity = 'info' | 'warn' | 'error'

/** A costly pattern in the statements of a session, and what to do about it. */
export interface Finding {
  readonly kind: FindingKind
  /** The relation: `Post.author`. */
  readonly target: string
  /** How many statements the pattern ran. */
  readonly count: number
  /** How many of them a batch would save. */
  readonly avoidableQueries: number
  readonly confidence: FindingConfidence
  readonly severity: FindingSeverity
  /** The list that the entities came from: `Post` for a query, `User.posts` for an entity that was read alone. */
  readonly parent: { readonly target: string; readonly rows: number }
  /** One of the statements, without values. */
  readonly sql: string
  /** What to write instead, as code. */
  readonly fix: string
}
