/** Runs one variant in its own process, as applications do: no code of another variant is loaded or warm. */
import { createRequire } from 'node:module'
import { setImmediate } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { context } from '@opentelemetry/api'
import { measure } from '../measure.ts'
import type { Cost } from '../rounds.ts'
import { answerRequests, workerArgument } from '../worker-process.ts'
import { fakePool } from './fake-pool.ts'
import { spanByHand, startSdk } from './sdk.ts'
import { queriesPerSession, type Variant } from './variants.ts'
import { benchUser, type Orm, serveRequest } from './workload.ts'

export interface WorkerArgument {
  readonly variant: Variant
  /** The folder of the library. */
  readonly orm: string
  /** If undefined, a client inside the process answers at once. */
  readonly url?: string
}

export interface RoundRequest {
  readonly sessions: number
}

const { variant, orm: folder, url } = workerArgument<WorkerArgument>()

const source = url === undefined ? { pool: fakePool() } : { connectionString: url, max: 1 }
const sdk = startSdk(variant.isDriverTraced === true)
// An instrumentation wraps a module that is already loaded when it is required again.
createRequire(import.meta.url)('pg')

const orm = (await import(pathToFileURL(`${folder}/index.ts`).href)) as Orm
const { tracing, spans = 'all', isCounting = false } = variant
const nPlusOne = isCounting ? 'count' : 'off'
const database = new orm.Database({ ...source, tracing, spans, nPlusOne })
const entity = benchUser(orm)
const around = variant.isByHand && (() => spanByHand(sdk.request))

answerRequests(round, async () => {
  await database.close()
  await sdk.shutdown()
})

async function round({ sessions }: RoundRequest): Promise<Cost> {
  let exported = 0
  const cost = await measure(sessions * queriesPerSession, async () => {
    for (let session = 0; session < sessions; session += 1) {
      await context.with(sdk.request.context, () =>
        serveRequest(orm, database, entity, sdk.request, around),
      )
      // Requests come from the event loop. Without a turn of it, no batch of spans is sent.
      await setImmediate()
    }
    exported = await sdk.flush()
  })
  requireSpans(exported, sessions * variant.spansPerSession)
  return cost
}

function requireSpans(exported: number, expected: number): void {
  if (exported === expected) return
  throw new Error(`${variant.name}: expected ${expected} exported spans, got ${exported}`)
}
