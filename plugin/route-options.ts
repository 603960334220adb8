import type { FastifyRequest } from 'fastify'
import {
  describe,
  type Isolation,
  optionError,
  refuseUnknown,
  requireBoolean,
  requireIsolation,
  requireOneOf,
  requireTimeLimits,
  requireTransaction,
  type TimeLimits,
} from '../orm/index.ts'
import { type CommitOn, requireCommitOn } from './commit-on.ts'

/** Options of one route: `config: { dataBridge: { … } }`. */
export interface DataBridgeRouteOptions {
  readonly commitOn?: CommitOn | undefined
  /** Transactions are `READ ONLY`. */
  readonly readOnly?: boolean | undefined
  /** Every statement runs in a transaction with this isolation. */
  readonly isolation?: Isolation | undefined
  /**
   * `true`: the first statement begins the transaction, also if it only reads, and a connection is held
   * until the response. By default, the first write begins the transaction.
   */
  readonly transaction?: boolean | undefined
  /** How long things may take. By default as the plugin's options say. */
  readonly timeouts?: TimeLimits | undefined
  /**
   * When the session of a streamed response is committed. `'before'`, the default: before the first
   * byte. `'deferred'`: after the last byte, so that the stream can use the session. If that commit
   * fails, the response is cut off.
   */
  readonly stream?: 'before' | 'deferred' | undefined
}

const commitTimes = ['before', 'deferred']
const routeOptionNames = ['commitOn', 'readOnly', 'isolation', 'transaction', 'timeouts', 'stream']

/** Refuses route options that are wrong or unknown. */
export function requireRouteOptions(options: unknown, route: string): void {
  if (options === undefined) return
  const where = `the route ${route}: config.dataBridge`
  if (typeof options !== 'object' || options === null) {
    throw optionError(`${where} expected an object, got ${describe(options)}`)
  }
  refuseUnknown(options, routeOptionNames, where)
  const { commitOn, readOnly, isolation, timeouts, stream } = options as DataBridgeRouteOptions
  requireCommitOn(`${where}.commitOn`, commitOn)
  requireBoolean(`${where}.readOnly`, readOnly)
  requireIsolation(isolation, `${where}.isolation`)
  requireTransaction(options, `${where}.`)
  requireTimeLimits(timeouts, `${where}.timeouts`)
  requireOneOf(`${where}.stream`, stream, commitTimes)
}

export function routeOptionsOf({
  routeOptions: { config },
}: FastifyRequest): DataBridgeRouteOptions {
  return config.dataBridge ?? {}
}

/** Checks the options too: those of routes that are declared before the plugin loads were not checked yet. */
export function checkedRouteOptions({ routeOptions }: FastifyRequest): DataBridgeRouteOptions {
  const { config, method, url } = routeOptions
  requireRouteOptions(config.dataBridge, `${String(method)} ${url}`)
  return config.dataBridge ?? {}
}
