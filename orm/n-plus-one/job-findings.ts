import type { Finding } from '../observe/finding.ts'
import type { Observer, StatementEnd } from '../observe/observer.ts'
import {
  type FindingMessage,
  hasSubscribers,
  messageOf,
  publish,
  type TellFindings,
} from './channels.ts'
import type { NPlusOneSettings } from './settings.ts'
import { routeName, type Unit } from './unit.ts'

// A job that is over soon is told once.
const liveAfterMs = 1000

/** Tells what is found outside of requests: in the jobs and the other sessions of one database. */
export class JobFindings {
  readonly #settings: NPlusOneSettings
  /** The log of the application, if it has one for this database. */
  log: TellFindings | undefined

  constructor(settings: NPlusOneSettings) {
    this.#settings = settings
  }

  /** Whether somebody hears of them. Otherwise nobody looks for them. */
  get areHeard(): boolean {
    return this.log !== undefined || hasSubscribers() || !this.#settings.allow.isEmpty
  }

  /** A job begins: what is found while it runs is told soon, if it runs for long. */
  watch(unit: Unit): void {
    if (this.log === undefined && !hasSubscribers()) return
    unit.observer = new LiveFindings(() => {
      this.#tell(unit, { isLive: true }, (findings) => unit.untold(findings))
    })
  }

  /** A job is over. */
  tell(unit: Unit): void {
    unit.isOver = true
    if (unit.log === undefined && !this.areHeard) return
    const late = unit.request === undefined ? {} : { isLate: true as const }
    this.#tell(unit, late, (findings) => (unit.untold(findings), findings))
    for (const { allow } of unit.watching) allow.watched(unit.request && routeName(unit.request))
    const goesOn = (): void => this.#tell(unit, late, (findings) => unit.untold(findings))
    unit.onIdle = goesOn
  }

  #tell(
    unit: Unit,
    when: Pick<FindingMessage, 'isLive' | 'isLate'>,
    choose: (findings: readonly Finding[]) => readonly Finding[],
  ): void {
    try {
      const messages = choose(unit.stats.findings).map((finding) =>
        messageOf(finding, unit.request, when),
      )
      const { diagnostics, log } = this.#settings.channels
      if (diagnostics) for (const message of messages) publish(message)
      const worthy = messages.filter(({ finding }) => finding.severity !== 'info')
      const tell = unit.log ?? this.log
      if (log && worthy.length > 0) tell?.(worthy)
    } catch (error) {
      process.emitWarning(`findings could not be told: ${String(error)}`, {
        code: 'DATA_BRIDGE_OBSERVER',
      })
    }
  }
}

/** Looks at the ends of statements whether something was found, but not often: findings are made when they are read. */
class LiveFindings implements Observer {
  readonly #look: () => void
  #lookedAt = performance.now()

  constructor(look: () => void) {
    this.#look = look
  }

  statementSent(): StatementEnd {
    return this.#ended
  }

  readonly #ended: StatementEnd = () => {
    const now = performance.now()
    if (now - this.#lookedAt < liveAfterMs) return
    this.#lookedAt = now
    this.#look()
  }
}
