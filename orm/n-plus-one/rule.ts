import type { Finding } from '../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../observe/observer.ts'
import type { Provenance, RelationMetadata } from '../observe/operation.ts'
import type { CallSite } from '../util/call-site.ts'
import type { Activity } from './activity.ts'
import type { CallEnded } from './http-calls.ts'
import type { Lists } from './lists.ts'
import type { SessionTransaction } from './session-transaction.ts'
import type { NPlusOneSettings } from './settings.ts'
import type { Turns } from './turns.ts'

/** What rules know of a unit. */
export interface Evidence {
  readonly settings: NPlusOneSettings
  /** The lists that its queries have read. */
  readonly lists: Lists
  /** Whether a call is worth its stack. */
  readonly turns: Turns
  /** The sessions with an open transaction. */
  open?: Set<SessionTransaction>
  /** What the unit asks of its databases. */
  readonly activity: Activity
}

/** Finds one kind of pattern. */
export interface Rule {
  /**
   * A statement is sent. May return a function that is called at its end.
   *
   * @param session what tells sessions apart
   * @param transaction that of the session, if it has begun one
   */
  readonly sent?: (
    statement: SentStatement,
    session: object,
    transaction: SessionTransaction | undefined,
  ) => StatementEnd | undefined
  /**
   * The program reads a relation that is not loaded.
   *
   * @param provenance of the owner
   * @returns where, if that is worth its cost
   */
  readonly touched?: (
    relation: RelationMetadata,
    provenance: Provenance | undefined,
  ) => CallSite | undefined
  /** The identity map has what a relation leads to. */
  readonly spared?: (relation: RelationMetadata, provenance: Provenance | undefined) => void
  /** The program makes an HTTP call. May return a function that is called at its end. */
  readonly callStarted?: (host: string) => CallEnded | undefined
  /** The lists are let go: remembers what findings need of them. */
  readonly settle?: () => void
  /** No session is open any more: lets go of entities. */
  readonly release?: () => void
  /** The findings so far, in the order in which they began. */
  readonly findings: readonly Finding[]
}

/** Finds one kind of pattern in what happens in transactions. */
export interface RuleOfTransactions extends Pick<Rule, 'callStarted' | 'findings'> {
  sent(statement: SentStatement, transaction: SessionTransaction): StatementEnd | undefined
}
