import type { Finding } from '../observe/finding.ts'
import type { Observer } from '../observe/observer.ts'
import { Activity } from './activity.ts'
import { type CallEnded, type CallWatcher, together } from './http-calls.ts'
import { Lists } from './lists.ts'
import type { Evidence, Rule } from './rule.ts'
import { release, rulesOf } from './rules.ts'
import { SessionWatch } from './session-watch.ts'
import type { NPlusOneSettings } from './settings.ts'
import { Turns } from './turns.ts'

/** Where a detector belongs. */
export interface DetectorPlace {
  /** The name of the job. */
  readonly scope?: string | undefined
  /** Method and path of the route. */
  readonly route?: string | undefined
}

/** Finds costly patterns in what the sessions of a request or a job do. */
export class Detector implements CallWatcher {
  readonly settings: NPlusOneSettings
  readonly #evidence: Evidence
  readonly #rules: readonly Rule[]
  /** Those of what begins within `allowNPlusOne()`. */
  #allowedRules: readonly Rule[] | undefined
  readonly #place: DetectorPlace
  #openSessions = 0

  constructor(
    settings: NPlusOneSettings,
    place: DetectorPlace = {},
    activity: Activity = new Activity(),
  ) {
    this.settings = settings
    this.#evidence = { settings, lists: new Lists(), turns: new Turns(settings), activity }
    this.#rules = rulesOf(this.#evidence)
    this.#place = place
  }

  /** What watches one session. */
  watch(): Observer {
    return new SessionWatch(
      this.#evidence,
      this.#rules,
      () => (this.#allowedRules ??= rulesOf(this.#evidence)),
    )
  }

  /** A session is used for the first time. */
  sessionOpened(): void {
    this.#openSessions += 1
  }

  /** A session has ended. Entities are not kept when none is open: who holds the findings does not hold them. */
  sessionClosed(): void {
    this.#openSessions -= 1
    if (this.#openSessions > 0) return
    release(this.#evidence, [...this.#rules, ...(this.#allowedRules ?? [])])
  }

  /** The program makes an HTTP call. */
  callStarted(host: string): CallEnded | undefined {
    return together(this.#rules.map((rule) => rule.callStarted?.(host)))
  }

  /** The findings so far: those of each rule, in the order in which they began. */
  get findings(): readonly Finding[] {
    const findings = this.#found(this.#rules)
    const { allow } = this.settings
    return allow.isEmpty ? findings : findings.filter((finding) => !this.#allows(finding))
  }

  /** What would be a finding if it were not allowed. */
  get allowed(): readonly Finding[] {
    return [
      ...this.#found(this.#rules).filter((finding) => this.#allows(finding)),
      ...this.#found(this.#allowedRules ?? []),
    ]
  }

  #allows(finding: Finding): boolean {
    return this.settings.allow.allows(finding, this.#place.route)
  }

  #found(rules: readonly Rule[]): readonly Finding[] {
    const findings = rules.flatMap((rule) => rule.findings)
    const { scope } = this.#place
    return scope === undefined
      ? findings
      : findings.map((finding) => Object.freeze({ ...finding, scope }))
  }
}
