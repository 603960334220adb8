import type { FastifyRequest } from 'fastify'
import {
  describe,
  type Isolation,
  optionError,
  refuseUnknown,
  requireBoolean,
  requireCount,
  requireDeferrable,
  requireIsolation,
  requireMilliseconds,
  requireOneOf,
  requireTimeLimits,
  requireTransaction,
  type SessionOptions,
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
   * Transactions wait until they can read without a serialization failure, and without making others fail: for long
   * reports. Only with `isolation: 'serializable'` and `readOnly: true`.
   */
  readonly deferrable?: boolean | undefined
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
   * fails, the response is cut off. A transaction takes at most a minute then, unless
   * `timeouts.transaction` says otherwise.
   */
  readonly stream?: 'before' | 'deferred' | undefined
  /**
   * `true`: a response that is one entity with a version has an `ETag`, and a request with `If-Match` only writes the
   * entity if it still has that version. Otherwise it is answered with `DATA_BRIDGE_ERR_PRECONDITION` (412).
   *
   * @example
   * ```ts
   * import Fastify from 'fastify'
   * import dataBridge from 'fastify-data-bridge'
   * import { User } from './entities.ts'
   *
   * const app = Fastify()
   * app.register(dataBridge)
   * app.patch<{ Params: { id: string }; Body: { name: string } }>(
   *   '/users/:id',
   *   { config: { dataBridge: { etag: true } } },
   *   async (request) => {
   *     const user = await request.session.getOrThrow(User, Number(request.params.id))
   *     user.name = request.body.name
   *     return user
   *   },
   * )
   * ```
   */
  readonly etag?: boolean | undefined
  /** How many statements a request may send. More are a finding `budget`; in the mode `'strict'` the request fails. */
  readonly maxQueries?: number | undefined
  /** How many milliseconds its statements may take together. More are a finding `budget` too. */
  readonly maxDbMs?: number | undefined
}

const commitTimes = ['before', 'deferred']
const routeOptionNames = [
  'commitOn',
  'readOnly',
  'isolation',
  'deferrable',
  'transaction',
  'timeouts',
  'stream',
  'etag',
  'maxQueries',
  'maxDbMs',
]

/** Refuses route options that are wrong or unknown. */
export function requireRouteOptions(options: unknown, route: string): void {
  if (options === undefined) return
  const where = `the route ${route}: config.dataBridge`
  if (typeof options !== 'object' || options === null) {
    throw optionError(`${where} expected an object, got ${describe(options)}`)
  }
  refuseUnknown(options, routeOptionNames, where)
  const { commitOn, readOnly, isolation, timeouts, stream, etag, maxQueries, maxDbMs } =
    options as DataBridgeRouteOptions
  requireCommitOn(`${where}.commitOn`, commitOn)
  requireBoolean(`${where}.readOnly`, readOnly)
  requireIsolation(isolation, `${where}.isolation`)
  requireDeferrable(options, `${where}.`)
  requireTransaction(options, `${where}.`)
  requireTimeLimits(timeouts, `${where}.timeouts`)
  requireOneOf(`${where}.stream`, stream, commitTimes)
  requireBoolean(`${where}.etag`, etag)
  requireCount(`${where}.maxQueries`, maxQueries)
  requireMilliseconds(`${where}.maxDbMs`, maxDbMs)
}

const none: DataBridgeRouteOptions = Object.freeze({})

// The options of routes that are declared before the plugin loads are checked at their first request.
const checked = new WeakSet<DataBridgeRouteOptions>()

/** The checked options of the route. */
export function routeOptionsOf(request: FastifyRequest): DataBridgeRouteOptions {
  const { config, method, url } = routeOf(request)
  const options = config.dataBridge
  if (options === undefined) return none
  if (!checked.has(options)) {
    requireRouteOptions(options, `${String(method)} ${url}`)
    checked.add(options)
  }
  return options
}

const noOptions: SessionOptions = Object.freeze({})

/** How many milliseconds a transaction of a deferred stream may take by default: its reader decides how fast it flows. */
const streamedTransactionMs = 60_000

/**
 * The options of a session on this route.
 *
 * @param usual the limits of its database
 */
export function sessionOptionsOf(
  options: DataBridgeRouteOptions,
  usual: TimeLimits,
): SessionOptions {
  if (options === none) return noOptions
  const { readOnly, isolation, deferrable, transaction, stream, timeouts } = options
  const isUnlimited =
    stream === 'deferred' && usual.transaction === undefined && timeouts?.transaction === undefined
  return {
    readOnly,
    isolation,
    deferrable,
    transaction,
    timeouts: isUnlimited ? { ...timeouts, transaction: streamedTransactionMs } : timeouts,
  }
}

type Route = FastifyRequest['routeOptions']

/** The decorator of requests that keeps {@link routeOf}. */
export const routeSlot: unique symbol = Symbol('fastify-data-bridge.route')

type Routed = FastifyRequest & { [routeSlot]: Route | null }

/** The route of a request, read once: Fastify makes an object of it at each read. */
export function routeOf(request: FastifyRequest): Route {
  const routed = request as Routed
  const known = routed[routeSlot]
  // `reply.callNotFound()` goes on to another route.
  if (known !== null && (known.url === undefined) === request.is404) return known
  return (routed[routeSlot] = request.routeOptions)
}
