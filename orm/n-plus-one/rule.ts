import type { Finding } from '../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../observe/observer.ts'
import type { Provenance } from '../observe/operation.ts'
import type { CallSite } from '../util/call-site.ts'
import type { Lists } from './lists.ts'
import type { NPlusOneSettings } from './settings.ts'

/** What rules know of a unit. */
export interface Evidence {
  readonly settings: NPlusOneSettings
  /** The lists that its queries have read. */
  readonly lists: Lists
}

/** Finds one kind of pattern. */
export interface Rule {
  /**
   * A statement is sent. May return a function that is called at its end.
   *
   * @param session what tells sessions apart
   */
  readonly sent?: (statement: SentStatement, session: object) => StatementEnd | undefined
  readonly listRead?: (list: Provenance) => void
  /** @param site where the program has called `transaction()` */
  readonly transactionCalled?: (session: object, site: CallSite | undefined) => void
  /** The findings so far, in the order in which they began. */
  readonly findings: readonly Finding[]
}
