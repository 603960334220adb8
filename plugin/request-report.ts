import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  Budget,
  type Finding,
  type FindingMessage,
  type FindingRequest,
  messageOf,
  publish,
  routeName,
  type SessionTrace,
  type Telemetry,
  Unit,
} from '../orm/index.ts'
import type { Arrival } from './arrival.ts'
import type { Settings } from './options.ts'
import { registrationsOf } from './registration.ts'
import { areHeadersWanted, setCostHeaders } from './response-headers.ts'
import { routeOf, routeOptionsOf } from './route-options.ts'
import { passingOver } from './warnings.ts'

type Database = Settings['database']
type IsWanted = Parameters<Unit['costOf']>[0]
type Channel = keyof Database['nPlusOne']['channels']

/** The request as findings name it. */
export function factsOf(request: FastifyRequest): FindingRequest {
  const { id, method } = request
  const { url } = routeOf(request)
  return { id, method, ...(url !== undefined && { route: url }) }
}

/**
 * What a request did on all its databases, by whatever means: headers say it as it is when the response leaves, log,
 * telemetry and diagnostics are told once.
 */
export class RequestReport {
  readonly unit: Unit
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #settings: Settings
  #context: Arrival['context']
  #isShown: IsWanted | undefined
  #isTold = false

  /** @param settings of the database that it has used first */
  constructor(request: FastifyRequest, reply: FastifyReply, settings: Settings) {
    this.#request = request
    this.#reply = reply
    this.#settings = settings
    const facts = factsOf(request)
    this.unit = new Unit(undefined, undefined, facts)
    this.unit.log = this.#log
    const { maxQueries, maxDbMs } = routeOptionsOf(request)
    const { nPlusOne } = settings.database
    if ((maxQueries ?? maxDbMs) === undefined || nPlusOne.mode === 'off') return
    const budget = new Budget(nPlusOne, routeName(facts) ?? request.method, { maxQueries, maxDbMs })
    this.unit.budget = budget
    if (budget.watches) this.unit.observer = budget
  }

  /** One of the databases knows in which context of telemetry the request came in. */
  arrived(arrival: Arrival): void {
    this.#context ??= arrival.context
  }

  /** Undefined where the response must not say what the request has cost. */
  get shownQueryCount(): number | undefined {
    const isShown = this.#shown
    return this.unit.databases.some(isShown) ? this.unit.costOf(isShown).queryCount : undefined
  }

  /** Says in the headers what the request has cost so far. */
  show(): void {
    const { unit } = this
    const isShown = this.#shown
    if (!unit.databases.some(isShown)) return
    const shown = unit.found.filter(({ settings }) => isShown(settings))
    const findings = on('headers', shown).filter(isTold)
    setCostHeaders(this.#reply, { ...unit.costOf(isShown), findings })
  }

  /** Tells everybody else, once. What goes on is told when it ends. */
  tell(): void {
    const { unit } = this
    if (this.#isTold || !unit.isUsed) return
    this.#isTold = true
    unit.isOver = true
    passingOver(() => this.#tell())
    unit.onIdle = this.#goesOn
  }

  #tell(): void {
    const { unit } = this
    const { request, found } = unit
    for (const { allow } of unit.watching) allow.watched(request && routeName(request))
    const all = found.flatMap(({ findings }) => findings)
    if (all.length === 0) return this.#record(found)
    unit.untold(all)
    passingOver(() => this.#record(found))
    passingOver(() => this.#log(on('log', found).map((finding) => messageOf(finding, request))))
    for (const finding of on('diagnostics', found)) publish(messageOf(finding, request))
  }

  readonly #goesOn = (): void => passingOver(() => this.#tellLate())

  #tellLate(): void {
    const { unit } = this
    for (const { settings, findings } of unit.found) {
      const messages = unit
        .untold(findings)
        .map((finding) => messageOf(finding, unit.request, { isLate: true }))
      if (settings.channels.log) this.#log(messages)
      if (settings.channels.diagnostics) for (const message of messages) publish(message)
    }
  }

  readonly #log = (messages: readonly FindingMessage[]): void => {
    const worthy = messages.filter(({ finding }) => isTold(finding))
    if (worthy.length === 0) return
    const { log, method } = this.#request
    const place = (this.unit.request && routeName(this.unit.request)) ?? method
    const warn = (): void => this.#settings.findingLog.warn(log, place, worthy)
    const telemetry = this.#telemetry
    if (telemetry === undefined) warn()
    else telemetry.of.within(telemetry.trace, warn)
  }

  #record(found: Unit['found']): void {
    const { unit } = this
    const telemetry = this.#telemetry
    if (telemetry === undefined) return
    const untraced = databasesOf(this.#request, ({ database }) => database.telemetry === undefined)
    const isTraced: IsWanted = (settings) => !untraced.has(settings)
    if (!unit.databases.some(isTraced)) return
    const { method } = this.#request
    const { url } = routeOf(this.#request)
    telemetry.of.recordRequest(
      telemetry.trace,
      { 'http.request.method': method, ...(url !== undefined && { 'http.route': url }) },
      {
        queryCount: unit.costOf(isTraced).queryCount,
        onSpan: found.some(({ settings }) => settings.channels.span)
          ? on('span', found).filter(isTold)
          : undefined,
        measured: on('metrics', found).filter(isTold),
      },
    )
  }

  /** Of the first database that has some. */
  get #telemetry(): { readonly of: Telemetry; readonly trace: SessionTrace } | undefined {
    const context = this.#context
    const traced = registrationsOf(this.#request.server).find(
      ({ settings }) => settings.database.telemetry !== undefined,
    )
    const telemetry = traced?.settings.database.telemetry
    if (context === undefined || telemetry === undefined) return undefined
    return { of: telemetry, trace: telemetry.scopeOf(context, this.#request) }
  }

  /** A database whose registration wants no headers is not shown. One without a registration is, if another one is. */
  get #shown(): IsWanted {
    return (this.#isShown ??= this.#findShown())
  }

  #findShown(): IsWanted {
    const request = this.#request
    const wanted = databasesOf(request, (settings) => areHeadersWanted(settings, request))
    if (wanted.size === 0) return () => false
    const all = databasesOf(request, () => true)
    return (settings) => wanted.has(settings) || !all.has(settings)
  }
}

/** The registered databases for which something is so. */
function databasesOf(
  request: FastifyRequest,
  isSo: (settings: Settings) => boolean,
): ReadonlySet<Database['nPlusOne']> {
  const registrations = registrationsOf(request.server).filter(({ settings }) => isSo(settings))
  return new Set(registrations.map(({ settings }) => settings.database.nPlusOne))
}

/** What is told there. */
function on(channel: Channel, found: Unit['found']): readonly Finding[] {
  return found.flatMap(({ settings, findings }) => (settings.channels[channel] ? findings : []))
}

function isTold({ severity }: Finding): boolean {
  return severity !== 'info'
}
