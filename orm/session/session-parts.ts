import type { SessionConnection } from '../driver/session-connection.ts'
import type { Observer } from '../observe/observer.ts'
import type { StatementStats } from '../observe/stats.ts'
import type { PageTokens } from '../util/page-tokens.ts'
import type { LazySetting } from '../schema/lazy-mode.ts'
import type { TellRefused } from '../util/refusals.ts'
import type { Catalogue } from '../flush/catalogue.ts'
import type { WriteGuard } from './write-guard.ts'

/** A session as its database knows it. */
export interface LiveSession {
  /** @param isShutdown whether its database closes */
  discard(isShutdown?: boolean): Promise<void> | undefined
}

/** Where a session tells what nobody awaits. The log of a request is one. */
export interface SessionLog {
  error(facts: object, message: string): void
  warn(facts: object, message: string): void
}

/** The parts of a session. */
export interface SessionParts {
  readonly connection: SessionConnection
  readonly observer: Observer
  readonly stats: StatementStats
  readonly catalogue: Catalogue
  readonly isReadOnly: boolean
  readonly lazy: LazySetting
  readonly pageTokens: PageTokens
  readonly signal?: AbortSignal | undefined
  readonly tellRefused?: TellRefused | undefined
  readonly guard?: WriteGuard | undefined
  /** Warnings of the process by default. */
  readonly log?: SessionLog | undefined
  /** Called when the session is used for the first time. */
  opened(session: LiveSession): void
  /** Called when the session has ended. Undefined if there is nothing to wait for. */
  closed(): Promise<void> | undefined
}
