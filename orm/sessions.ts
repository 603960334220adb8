import { graceMs } from './driver/cancelling.ts'
import type { ConnectionPool } from './driver/pool.ts'
import { SessionConnection } from './driver/session-connection.ts'
import { mergedLimits, type TimeLimits } from './driver/time-limits.ts'
import { DataBridgeError } from './errors.ts'
import { Catalogue } from './flush/catalogue.ts'
import { beginJob, currentUnit } from './jobs.ts'
import { Detector } from './n-plus-one/detector.ts'
import type { JobFindings } from './n-plus-one/job-findings.ts'
import { watchCalls } from './n-plus-one/http-calls.ts'
import type { NPlusOneMode } from './n-plus-one/mode.ts'
import { type NPlusOneSettings, withMode } from './n-plus-one/settings.ts'
import type { Unit } from './n-plus-one/unit.ts'
import { CombinedObserver } from './observe/combined-observer.ts'
import type { Observer } from './observe/observer.ts'
import { currentRecordings } from './observe/recording.ts'
import type { SlowStatements } from './observe/slow-statements.ts'
import { StatementStats } from './observe/stats.ts'
import { requireSessionOptions, type SessionOptions } from './options.ts'
import type { LazySetting } from './schema/lazy-mode.ts'
import type { LiveSession, SessionLog, SessionParts } from './session/session-parts.ts'
import type { WriteGuard } from './session/write-guard.ts'
import { isExporting } from './telemetry/api.ts'
import type { Telemetry } from './telemetry/telemetry.ts'
import type { SessionTrace } from './telemetry/trace-scope.ts'
import { Bag, type InBag } from './util/bag.ts'
import type { PageTokens } from './util/page-tokens.ts'
import { refusal, type TellRefused } from './util/refusals.ts'

/** A session that is used, and has not ended. */
interface Live extends InBag {
  readonly connection: SessionConnection
  session: LiveSession | undefined
}

/** What the sessions of a database have in common. */
export interface SessionSettings {
  readonly pool: ConnectionPool
  readonly nPlusOne: NPlusOneSettings
  readonly findings: JobFindings
  readonly lazy: LazySetting
  readonly timeouts: TimeLimits
  readonly pageTokens: PageTokens
  readonly telemetry: Telemetry | undefined
}

/** @internal The request that a session belongs to, and its additional observer. */
export interface SessionContext {
  /** The request that it belongs to. */
  readonly trace?: SessionTrace | undefined
  readonly slow?: SlowStatements | undefined
  /** Told of promises that were refused because the request has ended. */
  readonly tellRefused?: TellRefused | undefined
  readonly guard?: WriteGuard | undefined
  readonly log?: SessionLog | undefined
  /** The request or the job that it belongs to. By default that in which it begins. */
  readonly unit?: Unit | undefined
}

/** The sessions of one database: makes their parts, and ends them. */
export class Sessions {
  readonly #settings: SessionSettings
  readonly #otherModes = new Map<NPlusOneMode, NPlusOneSettings>()
  readonly #catalogue = new Catalogue()
  readonly #live = new Bag<Live>()
  #isClosed = false

  constructor(settings: SessionSettings) {
    this.#settings = settings
  }

  /** The parts of a session. */
  parts(
    options: SessionOptions,
    { trace, slow, tellRefused, guard, log, unit: given = currentUnit() }: SessionContext,
  ): SessionParts {
    if (this.#isClosed) throw closedError()
    const {
      isolation,
      transaction,
      readOnly,
      deferrable,
      tracing,
      nPlusOne,
      lazy,
      timeouts,
      signal,
    } = requireSessionOptions(options)
    const usual = this.#settings
    const { telemetry } = usual
    const recordings = currentRecordings()
    // A session that belongs to nothing is a job of its own, if somebody hears of it.
    const job =
      given === undefined && usual.findings.areHeard ? beginJob(usual.findings) : undefined
    const unit = given ?? job?.unit
    const detector = this.#detector(
      recordings.some(({ detects }) => detects),
      nPlusOne,
      unit,
    )
    const stats = new StatementStats(detector)
    const observers: Observer[] = [stats]
    if (detector !== undefined) observers.push(detector.watch())
    for (const recording of recordings) observers.push(recording.sessionBegun(unit ?? { stats }))
    if (slow !== undefined) observers.push(slow)
    if (unit?.observer !== undefined) observers.push(unit.observer)
    if (tracing !== false && telemetry !== undefined) observers.push(...telemetry.observers(trace))
    const observer = new CombinedObserver(observers)
    const connection = new SessionConnection(
      usual.pool,
      observer,
      { isolation, readOnly, deferrable, transaction },
      timeouts === undefined ? usual.timeouts : mergedLimits(usual.timeouts, timeouts),
      tellRefused,
    )
    connection.hasSignal = signal !== undefined
    const live: Live = { connection, session: undefined, place: 0 }
    return {
      connection,
      observer,
      stats,
      catalogue: this.#catalogue,
      pageTokens: usual.pageTokens,
      isReadOnly: readOnly === true,
      lazy: lazy === undefined ? usual.lazy : { mode: lazy, setBy: 'session' },
      signal,
      tellRefused,
      guard,
      log,
      opened: (session) => {
        unit?.begun(usual.nPlusOne, stats)
        live.session = session
        detector?.sessionOpened()
        this.#live.add(live)
      },
      closed: () => {
        unit?.ended(usual.nPlusOne, stats)
        job?.end()
        if (live.session !== undefined) detector?.sessionClosed()
        this.#live.remove(live)
        return undefined
      },
    }
  }

  /** Rolls back and ends the open sessions. No other can be opened. */
  async close(): Promise<void> {
    this.#isClosed = true
    const live = [...this.#live.all]
    // Their work would be rolled back in any case.
    const limit = setTimeout(() => {
      for (const { connection } of live) connection.abort(refusal(closedError()))
    }, graceMs)
    await Promise.all(live.map(async ({ session }) => session?.discard(true)))
    clearTimeout(limit)
  }

  /** @param isRecorded whether a test looks for patterns, whatever the mode is */
  #detector(
    isRecorded: boolean,
    mode: NPlusOneMode | undefined,
    unit: Unit | undefined,
  ): Detector | undefined {
    const settings = this.#nPlusOne(mode)
    const wanted = isRecorded && settings.mode !== 'strict' ? this.#nPlusOne('detect') : settings
    if (wanted.mode !== 'off') watchCalls(callingUnit)
    if (unit !== undefined) return unit.detector(this.#settings.nPlusOne, wanted)
    return wanted.mode === 'off' ? undefined : new Detector(wanted)
  }

  /** One object for each mode, since a unit has one detector for each. */
  #nPlusOne(mode: NPlusOneMode | undefined): NPlusOneSettings {
    const usual = this.#settings.nPlusOne
    if (mode === undefined || mode === usual.mode) return usual
    let settings = this.#otherModes.get(mode)
    if (settings === undefined)
      this.#otherModes.set(mode, (settings = withMode(usual, mode, process.env)))
    return settings
  }
}

/** The request or the job that makes an HTTP call; undefined if an exporter does. */
function callingUnit(): Unit | undefined {
  return isExporting() ? undefined : currentUnit()
}

function closedError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_SESSION_CLOSED',
    'the database is closed: its sessions have ended, and no session can be opened on it',
  )
}
