/** Creates one kind of span in a loop. Of the library, it uses only the observer that creates the span. */
import { createRequire } from 'node:module'
import { setImmediate } from 'node:timers/promises'
import { context } from '@opentelemetry/api'
import * as library from '../../orm/index.ts'
import { tableOf } from '../../orm/schema/table-of.ts'
import { measure } from '../measure.ts'
import type { Cost } from '../rounds.ts'
import { answerRequests, workerArgument } from '../worker-process.ts'
import { fakePool } from './fake-pool.ts'
import { type LoopKind, loops } from './loops.ts'
import { spanByHand, startSdk } from './sdk.ts'
import { queriesPerSession } from './variants.ts'
import { benchUser } from './workload.ts'

export interface LoopArgument {
  readonly kind: LoopKind
}

export interface LoopRequest {
  readonly turns: number
}

const { kind } = workerArgument<LoopArgument>()
const pool = fakePool()
const sdk = startSdk(kind === 'driver')
createRequire(import.meta.url)('pg')

const client = await pool.connect()
const database = new library.Database({ pool, tracing: true, nPlusOne: 'off' })
const table = tableOf(benchUser(library))
const text = 'select "id", "name", "email" from "bench_users" where "id" = $1'
const statement = { text, parameters: ['1'], summary: 'SELECT bench_users', kind: 'read' } as const

/** For each session, returns the work of one query. */
const starts: Readonly<Record<LoopKind, () => () => unknown>> = {
  empty: () => () => undefined,
  'by hand': () => () => spanByHand(sdk.request)(),
  library: librarySpan,
  query: () => () => client.query({ text, values: ['1'] }),
  driver: () => () => client.query({ text, values: ['1'] }),
}

function librarySpan(): () => void {
  const [observer] = database.telemetry?.observers(sdk.request) ?? []
  return () => {
    const operation = {
      kind: 'query',
      name: 'get',
      table,
      filters: 1,
      limit: undefined,
      cacheHit: false,
    } as const
    const end = observer?.operationStarted?.(operation)
    observer?.statementSent?.({ ...statement, operation })
    end?.({ rows: 1 })
  }
}

answerRequests(
  ({ turns }: LoopRequest) => context.with(sdk.request.context, () => round(turns)),
  async () => {
    await database.close()
    await sdk.shutdown()
  },
)

async function round(turns: number): Promise<Cost> {
  const spans = turns * queriesPerSession
  let exported = 0
  const cost = await measure(spans, async () => {
    for (let turn = 0; turn < turns; turn += 1) {
      const span = starts[kind]()
      for (let count = 0; count < queriesPerSession; count += 1) await span()
      await setImmediate()
    }
    exported = await sdk.flush()
  })
  const expected = loops[kind].hasSpan ? spans : 0
  if (exported === expected) return cost
  throw new Error(`${kind}: expected ${expected} exported spans, got ${exported}`)
}
