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
  /** Its transactions are `READ ONLY`. */
  readonly readOnly?: boolean | undefined
  /** Every statement runs in a transaction of this isolation. */
  readonly isolation?: Isolation | undefined
  /**
   * `true`: the first statement begins the transaction, also where it only reads, so that a connection
   * is held until the response. Unless said, the first write does.
   */
  readonly transaction?: boolean | undefined
  /** How long things may take; where it says nothing, as in the application. */
  readonly timeouts?: TimeLimits | undefined
  /**
   * When the session of a response that is a stream is committed. `'before'`, unless said: before the
   * first byte. `'deferred'`: after the last one, so that the stream can use the session; a response
   * whose commit fails is cut off, and never complete.
   */
  readonly stream?: 'before' | 'deferred' | undefined
}

const commitTimes = ['before', 'deferred']
const routeOptionNames = ['commitOn', 'readOnly', 'isolation', 'transaction', 'timeouts', 'stream']

/** Refuses route options that are wrong, or that nothing would read. */
export function requireRouteOptions(options: unknown, route: string): void {
  if (options === undefined) return
  const where = `the route ${route}: config.dataBridge`
  if (typeof options !== 'object' || options === null) {
    throw optionError(`${where} expected an object; came ${describe(options)}`)
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

/** Routes that are declared before the plugin has loaded are not checked when they are declared. */
export function checkedRouteOptions({ routeOptions }: FastifyRequest): DataBridgeRouteOptions {
  const { config, method, url } = routeOptions
  requireRouteOptions(config.dataBridge, `${String(method)} ${url}`)
  return config.dataBridge ?? {}
}
