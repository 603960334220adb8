/** One variant, in a process of its own, as applications have it: nothing of another is loaded or warm. */
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
  /** Without: a client in process that answers at once. */
  readonly url?: string
}

export interface RoundRequest {
  readonly sessions: number
}

const { variant, orm: folder, url } = workerArgument<WorkerArgument>()

const source = url === undefined ? { pool: fakePool() } : { connectionString: url, max: 1 }
const sdk = startSdk(variant.isDriverTraced === true)
// What is loaded by now is wrapped when it is asked for again.
createRequire(import.meta.url)('pg')

const orm = (await import(pathToFileURL(`${folder}/index.ts`).href)) as Orm
const { tracing, spans = 'all' } = variant
const database = new orm.Database({ ...source, tracing, spans, nPlusOne: 'off' })
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
      // Requests come from the event loop; without a turn of it no batch of spans would be sent.
      await setImmediate()
    }
    exported = await sdk.flush()
  })
  requireSpans(exported, sessions * variant.spansPerSession)
  return cost
}

function requireSpans(came: number, expected: number): void {
  if (came === expected) return
  throw new Error(`${variant.name}: expected ${expected} spans to be exported; came ${came}`)
}
