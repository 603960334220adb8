import { channel } from 'node:diagnostics_channel'
import { describe } from '../errors.ts'
import type { Finding } from '../observe/finding.ts'
import { optionError, refuseUnknown, requireBoolean } from '../util/option-checks.ts'

/** Where findings are told. All are `true` by default. */
export interface NPlusOneChannels {
  /** Lines of the log: of `request.log`, and of `app.log` for jobs. */
  readonly log?: boolean | undefined
  /** The header `x-db-n-plus-one`, where responses have headers with their cost. */
  readonly headers?: boolean | undefined
  /** Events and the number of findings on the span of the request. */
  readonly span?: boolean | undefined
  /** The counter `db.n_plus_one.findings`. */
  readonly metrics?: boolean | undefined
  /** `node:diagnostics_channel`, with the name `data-bridge:n-plus-one`. */
  readonly diagnostics?: boolean | undefined
}

export type Channels = { readonly [Name in keyof NPlusOneChannels]-?: boolean }

const all: Channels = { log: true, headers: true, span: true, metrics: true, diagnostics: true }

export function channelsOf(channels: NPlusOneChannels = {}): Channels {
  const given = Object.entries(channels).filter(([, value]) => value !== undefined)
  return { ...all, ...Object.fromEntries(given) }
}

export function requireChannels(channels: unknown): void {
  if (channels === undefined) return
  if (typeof channels !== 'object' || channels === null)
    throw optionError(`nPlusOne.channels expected an object, got ${describe(channels)}`)
  refuseUnknown(channels, Object.keys(all), 'nPlusOne.channels')
  for (const [name, value] of Object.entries(channels))
    requireBoolean(`nPlusOne.channels.${name}`, value)
}

/** The request in which something was found. */
export interface FindingRequest {
  readonly id: string
  readonly method: string
  /** The pattern of its route: `/posts/:id`. Undefined where no route has matched. */
  readonly route?: string | undefined
}

/** What subscribers of `data-bridge:n-plus-one` get, and what the log of jobs is told. */
export interface FindingMessage {
  readonly finding: Finding
  readonly request?: FindingRequest | undefined
  /** The name that `database.scope()` was given. */
  readonly scope?: string | undefined
  /** The job still runs: `count` is what it is so far. The same pattern comes again when the job is over. */
  readonly isLive?: true
  /** It was found after the request was answered, in work that it had begun. */
  readonly isLate?: true
}

/** What is told of a finding. */
export function messageOf(
  finding: Finding,
  request: FindingRequest | undefined,
  when: Pick<FindingMessage, 'isLive' | 'isLate'> = {},
): FindingMessage {
  const { scope } = finding
  return {
    finding,
    ...(request !== undefined && { request }),
    ...(scope !== undefined && { scope }),
    ...when,
  }
}

export type TellFindings = (messages: readonly FindingMessage[]) => void

const findings = channel('data-bridge:n-plus-one')

export function hasSubscribers(): boolean {
  return findings.hasSubscribers
}

/** Tells the subscribers. What one of them throws is an uncaught exception of the process, as Node does it, and never comes back here. */
export function publish(message: FindingMessage): void {
  if (findings.hasSubscribers) findings.publish(message)
}
