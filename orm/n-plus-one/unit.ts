import type { Finding } from '../observe/finding.ts'
import type { Observer } from '../observe/observer.ts'
import type { SessionStats } from '../observe/stats.ts'
import { Activity } from './activity.ts'
import type { Budget } from './budget.ts'
import type { FindingRequest, TellFindings } from './channels.ts'
import { Detector, type DetectorPlace } from './detector.ts'
import { type CallEnded, type CallWatcher, together } from './http-calls.ts'
import type { NPlusOneSettings } from './settings.ts'
import { mostFindings } from './finding.ts'

type Cost = Omit<SessionStats, 'findings'>

/** What a unit does on one database. */
class Share {
  /** The settings of the database: each has an object of its own. */
  readonly settings: NPlusOneSettings
  readonly live = new Set<Cost>()
  readonly detectors: Detector[] = []
  /** What has ended is not kept: a job may open a session for each of a million rows. */
  ended: Cost = nothing
  /** Those of parts that are over. */
  findings: readonly Finding[] = []
  allowed: readonly Finding[] = []

  constructor(settings: NPlusOneSettings) {
    this.settings = settings
  }
}

const nothing: Cost = Object.freeze({ queryCount: 0, durationMs: 0, savedQueries: 0 })

/** What was found on one database. */
export interface Found {
  readonly settings: NPlusOneSettings
  readonly findings: readonly Finding[]
}

/** What is told of one database, and of another one not. */
type Wanted = (settings: NPlusOneSettings) => boolean

const everything: Wanted = () => true

/** The work of one request or one job: what its sessions do together, on whatever databases. */
export class Unit implements CallWatcher {
  /** The name that `database.scope()` was given. */
  readonly name: string | undefined
  /** The request that has begun it. */
  readonly request: FindingRequest | undefined
  /** Watches all its sessions. */
  observer: Observer | undefined
  budget: Budget | undefined
  /** Whether its findings were told. What begins later in its asynchronous context is a unit of its own. */
  isOver = false
  /** Called when a session has ended and no other one is open. */
  onIdle: (() => void) | undefined
  /** The log of the request, for what goes on when it is over. */
  log: TellFindings | undefined
  readonly #whole: Unit | undefined
  readonly #place: DetectorPlace
  readonly #shares: Share[] = []
  readonly #activity: Activity
  /** The jobs in it that have a name. */
  readonly #parts = new Set<Unit>()
  #told: Set<string> | undefined

  /** @param whole the request or the job in which it runs */
  constructor(name?: string, whole?: Unit, request?: FindingRequest) {
    this.name = name
    this.request = request ?? whole?.request
    this.#whole = whole
    const route = this.request && routeName(this.request)
    this.#place = { scope: name, route }
    this.#activity = new Activity(whole === undefined ? undefined : whole.#activity)
    if (whole !== undefined) whole.#parts.add(this)
  }

  /** Whether it is another one, or runs in it. */
  isWithin(other: Unit): boolean {
    return this === other || this.#whole?.isWithin(other) === true
  }

  /** A session on a database has begun. */
  begun(settings: NPlusOneSettings, cost: Cost): void {
    this.#share(settings).live.add(cost)
    this.#whole?.begun(settings, cost)
  }

  /** A session has ended. */
  ended(settings: NPlusOneSettings, cost: Cost): void {
    const share = this.#share(settings)
    if (share.live.delete(cost)) share.ended = sumOf([share.ended, cost])
    this.#whole?.ended(settings, cost)
    if (this.onIdle !== undefined && this.isIdle) this.onIdle()
  }

  /** The job is over: what was found in it stays known to the whole. */
  end(): void {
    const whole = this.#whole
    if (whole === undefined || !whole.#parts.delete(this)) return
    for (const share of this.#shares) {
      const { settings } = share
      const above = whole.#share(settings)
      above.findings = [...above.findings, ...this.#found(share)].slice(0, mostFindings)
      above.allowed = [...above.allowed, ...this.#allowed(share)].slice(0, mostFindings)
    }
  }

  /**
   * What finds patterns; undefined if nothing has to.
   *
   * @param usual the settings of the database
   * @param settings those of the session, which may have a mode of its own
   */
  detector(usual: NPlusOneSettings, settings: NPlusOneSettings): Detector | undefined {
    if (settings.mode === 'off') return undefined
    const { detectors } = this.#share(usual)
    const known = detectors.find((each) => each.settings === settings)
    if (known !== undefined) return known
    const detector = new Detector(settings, this.#place, this.#activity)
    detectors.push(detector)
    return detector
  }

  /** It makes an HTTP call. What it runs in may wait for it, too. */
  callStarted(host: string): CallEnded | undefined {
    return together([
      ...this.#shares.flatMap(({ detectors }) =>
        detectors.map((detector) => detector.callStarted(host)),
      ),
      this.#whole?.callStarted(host),
    ])
  }

  /** Whether a session has begun in it. */
  get isUsed(): boolean {
    return this.#shares.some(isUsed)
  }

  /** Whether no session is open. */
  get isIdle(): boolean {
    return this.#shares.every(({ live }) => live.size === 0)
  }

  /** The databases that it has used. */
  get databases(): readonly NPlusOneSettings[] {
    return this.#shares.filter(isUsed).map(({ settings }) => settings)
  }

  /** Those of them on which patterns were looked for. */
  get watching(): readonly NPlusOneSettings[] {
    return this.#shares
      .filter(({ detectors }) => detectors.length > 0)
      .map(({ settings }) => settings)
  }

  /** What it has cost so far. */
  get stats(): SessionStats {
    return { ...this.costOf(everything), findings: this.found.flatMap(({ findings }) => findings) }
  }

  /** What it has cost on some databases. */
  costOf(isWanted: Wanted): Cost {
    // The sessions of its parts are its own too.
    const shares = this.#shares.filter(({ settings }) => isWanted(settings))
    return sumOf(shares.flatMap(({ ended, live }) => [ended, ...live]))
  }

  /** What was found on each database so far. */
  get found(): readonly Found[] {
    const found = this.#shares.map((share) => ({
      settings: share.settings,
      findings: this.#found(share),
    }))
    const { budget } = this
    const over = budget?.finding({
      ...this.costOf(everything),
      findings: found.flatMap(({ findings }) => findings),
    })
    if (budget === undefined || over === undefined) return found
    return [...found, { settings: budget.settings, findings: [over] }]
  }

  /** What would be findings if they were not allowed. */
  get allowed(): readonly Finding[] {
    return this.#shares.flatMap((share) => this.#allowed(share))
  }

  /** For which finding its work is refused: the first one of a database or a session whose mode is `'strict'`. */
  get refused(): Finding | undefined {
    const found = this.#strict().find(({ severity }) => severity !== 'info')
    if (found !== undefined || this.budget?.settings.mode !== 'strict') return found
    return this.budget.finding(this.stats)
  }

  /** Whether somebody may be refused. */
  get isStrict(): boolean {
    return (
      this.budget?.settings.mode === 'strict' ||
      this.#shares.some(({ detectors }) => detectors.some(isStrict)) ||
      [...this.#parts].some((part) => part.isStrict)
    )
  }

  /** Of these findings those that were not asked for before. */
  untold(findings: readonly Finding[]): readonly Finding[] {
    const told = (this.#told ??= new Set())
    const others = findings.filter((finding) => !told.has(identityOf(finding)))
    for (const finding of others) told.add(identityOf(finding))
    return others
  }

  #strict(): readonly Finding[] {
    return [
      ...this.#shares.flatMap(({ settings, findings, detectors }) => [
        ...(settings.mode === 'strict' ? findings : []),
        ...detectors.filter(isStrict).flatMap((detector) => detector.findings),
      ]),
      ...[...this.#parts].flatMap((part) => part.#strict()),
    ]
  }

  #found({ settings, findings, detectors }: Share): readonly Finding[] {
    return [
      ...detectors.flatMap((detector) => detector.findings),
      ...findings,
      ...this.#ofParts(settings).flatMap(([part, share]) => part.#found(share)),
    ]
  }

  #allowed({ settings, allowed, detectors }: Share): readonly Finding[] {
    return [
      ...allowed,
      ...detectors.flatMap((detector) => detector.allowed),
      ...this.#ofParts(settings).flatMap(([part, share]) => part.#allowed(share)),
    ]
  }

  #ofParts(settings: NPlusOneSettings): readonly (readonly [Unit, Share])[] {
    return [...this.#parts].flatMap((part) => {
      const share = part.#shares.find((each) => each.settings === settings)
      return share === undefined ? [] : [[part, share] as const]
    })
  }

  #share(settings: NPlusOneSettings): Share {
    const known = this.#shares.find((each) => each.settings === settings)
    if (known !== undefined) return known
    const share = new Share(settings)
    this.#shares.push(share)
    return share
  }
}

/** Tells patterns of one unit apart, whatever their numbers are. */
export function identityOf({ kind, target, path, site, scope }: Finding): string {
  return [kind, target, path?.join('/'), site?.file, site?.function, scope].join(' ')
}

/** Method and path of a route. Undefined where no route has matched. */
export function routeName({ method, route }: FindingRequest): string | undefined {
  return route === undefined ? undefined : `${method} ${route}`
}

function isUsed({ live, ended }: Share): boolean {
  return live.size > 0 || ended !== nothing
}

function isStrict({ settings }: Detector): boolean {
  return settings.mode === 'strict'
}

function sumOf(costs: readonly Cost[]): Cost {
  return {
    queryCount: costs.reduce((sum, { queryCount }) => sum + queryCount, 0),
    durationMs: costs.reduce((sum, { durationMs }) => sum + durationMs, 0),
    savedQueries: costs.reduce((sum, { savedQueries }) => sum + savedQueries, 0),
  }
}
