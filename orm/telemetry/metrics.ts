import type {
  Attributes,
  BatchObservableCallback,
  Counter,
  Histogram,
  Meter,
  MeterProvider,
  Observable,
} from '@opentelemetry/api'
import type { Observer } from '../observe/observer.ts'
import { type OpenTelemetryApi, packageVersion } from './api.ts'
import { MetricsObserver } from './metrics-observer.ts'
import { type PoolName, takePoolName } from './pool-names.ts'
import { meterProvider } from './provider.ts'
import type { RequestRecord } from './tracing.ts'

/** What is measured of a pool. */
export interface MeasuredPool {
  readonly max: number
  readonly usage: { readonly total: number; readonly idle: number; readonly waiting: number }
}

const nothing: MeasuredPool = { max: 0, usage: { total: 0, idle: 0, waiting: 0 } }

/** What is measured of each session, and of each request. */
export interface Instruments {
  readonly duration: Histogram
  readonly waitTime: Histogram
  readonly useTime: Histogram
  readonly timeouts: Counter
  readonly queries: Histogram
  readonly findings: Counter
}

// Of the semantic conventions, in seconds.
const seconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
const counts = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]

/** The measurements of a database. They begin with the first session after a meter provider was registered. */
export class Metrics {
  readonly #api: OpenTelemetryApi
  readonly #common: Attributes
  readonly #poolName: string
  readonly #pool: MeasuredPool
  #taken: PoolName | undefined
  #provider: MeterProvider | undefined
  #instruments: Instruments | undefined
  #stopObserving: (() => void) | undefined
  #isClosed = false

  /**
   * @param common what every measurement has
   * @param poolName what those of its connections have instead
   */
  constructor(api: OpenTelemetryApi, common: Attributes, poolName: string, pool: MeasuredPool) {
    this.#api = api
    this.#common = common
    this.#poolName = poolName
    this.#pool = pool
  }

  /** None where no meter provider is registered. */
  observer(): Observer | undefined {
    const instruments = this.#current()
    return instruments && new MetricsObserver(instruments, this.#common, this.#name.attributes)
  }

  /** @param request what is known of it: `http.route`, `http.request.method` */
  recordRequest(request: Attributes, { queryCount, measured }: RequestRecord): void {
    const instruments = this.#current()
    if (instruments === undefined) return
    instruments.queries.record(queryCount, request)
    for (const { kind, target } of measured) {
      const finding = { 'db.n_plus_one.kind': kind, 'db.n_plus_one.target': target }
      instruments.findings.add(1, { ...request, ...finding })
    }
  }

  /** The pool is gone: it is measured once more, with no connections. */
  close(): void {
    this.#isClosed = true
    this.#taken?.release()
  }

  get #name(): PoolName {
    return (this.#taken ??= takePoolName(this.#poolName))
  }

  #current(): Instruments | undefined {
    const provider = meterProvider(this.#api)
    if (provider === this.#provider) return this.#instruments
    this.#stopObserving?.()
    this.#provider = provider
    const meter = provider?.getMeter('fastify-data-bridge', packageVersion())
    this.#instruments = meter && instrumentsOf(meter)
    this.#stopObserving = meter && this.#observePool(meter)
    return this.#instruments
  }

  #observePool(meter: Meter): () => void {
    const connections = { unit: '{connection}' }
    const count = meter.createObservableUpDownCounter('db.client.connection.count', {
      ...connections,
      description: 'Connections of the pool, by state',
    })
    const max = meter.createObservableUpDownCounter('db.client.connection.max', {
      ...connections,
      description: 'The most connections that the pool may have',
    })
    const pending = meter.createObservableUpDownCounter('db.client.connection.pending_requests', {
      unit: '{request}',
      description: 'Sessions that wait for a connection',
    })
    const observables: Observable[] = [count, max, pending]
    const observe: BatchObservableCallback = (result) => {
      // What was measured last would be exported for ever; removed at once the next callback would be passed over.
      if (this.#isClosed) queueMicrotask(stop)
      if (this.#isClosed && this.#name.isTaken()) return
      const { usage, max: most } = this.#isClosed ? nothing : this.#pool
      const name = this.#name.attributes
      const idle = { ...name, 'db.client.connection.state': 'idle' }
      const used = { ...name, 'db.client.connection.state': 'used' }
      result.observe(count, usage.idle, idle)
      result.observe(count, usage.total - usage.idle, used)
      result.observe(max, most, name)
      result.observe(pending, usage.waiting, name)
    }
    const stop = (): void => meter.removeBatchObservableCallback(observe, observables)
    meter.addBatchObservableCallback(observe, observables)
    return stop
  }
}

function instrumentsOf(meter: Meter): Instruments {
  const time = (name: string, description: string): Histogram =>
    meter.createHistogram(name, {
      unit: 's',
      description,
      advice: { explicitBucketBoundaries: seconds },
    })
  return {
    duration: time('db.client.operation.duration', 'How long operations on the database took'),
    waitTime: time('db.client.connection.wait_time', 'How long sessions waited for a connection'),
    useTime: time('db.client.connection.use_time', 'How long sessions held a connection'),
    timeouts: meter.createCounter('db.client.connection.timeouts', {
      unit: '{timeout}',
      description: 'How often no connection became free in time',
    }),
    queries: meter.createHistogram('db.request.query_count', {
      unit: '{query}',
      description: 'Statements of each request that used the database',
      advice: { explicitBucketBoundaries: counts },
    }),
    findings: meter.createCounter('db.n_plus_one.findings', {
      unit: '{finding}',
      description: 'N+1 patterns that were found',
    }),
  }
}
