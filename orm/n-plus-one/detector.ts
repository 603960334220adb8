import type { Finding } from '../observe/finding.ts'
import type { Observer } from '../observe/observer.ts'
import { Lists } from './lists.ts'
import type { Evidence, Rule } from './rule.ts'
import { RelationRule } from './rules/relation-rule.ts'
import { RepeatedQueries } from './rules/repeated-queries.ts'
import { SessionWatch } from './session-watch.ts'
import type { NPlusOneSettings } from './settings.ts'

/** Finds costly patterns in what the sessions of a request or a job do. */
export class Detector {
  readonly settings: NPlusOneSettings
  readonly #evidence: Evidence
  readonly #rules: readonly Rule[]
  readonly #scope: string | undefined

  /** @param scope the name of the job */
  constructor(settings: NPlusOneSettings, scope?: string) {
    this.settings = settings
    this.#evidence = { settings, lists: new Lists() }
    this.#rules = [new RelationRule(this.#evidence), new RepeatedQueries(this.#evidence)]
    this.#scope = scope
  }

  /** What watches one session. */
  watch(): Observer {
    return new SessionWatch(this.#evidence, this.#rules)
  }

  /** The findings so far: those of each rule, in the order in which they began. */
  get findings(): readonly Finding[] {
    const findings = this.#rules.flatMap((rule) => rule.findings)
    const scope = this.#scope
    return scope === undefined
      ? findings
      : findings.map((finding) => Object.freeze({ ...finding, scope }))
  }
}
