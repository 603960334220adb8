/** Does the work of sessions in one mode. */
import { Database, type NPlusOneMode } from '../../orm/index.ts'
import { measure } from '../measure.ts'
import type { Cost } from '../rounds.ts'
import { answerRequests, workerArgument } from '../worker-process.ts'
import { doWork, type Work } from './workload.ts'

export interface WorkerArgument {
  readonly url: string
  readonly mode: NPlusOneMode
}

export interface RoundRequest {
  readonly work: Work
  readonly sessions: number
}

const { url, mode } = workerArgument<WorkerArgument>()
const database = new Database({ connectionString: url, max: 1, nPlusOne: mode, tracing: false })

answerRequests(round, () => database.close())

function round({ work, sessions }: RoundRequest): Promise<Cost> {
  return measure(sessions, async () => {
    for (let done = 0; done < sessions; done += 1) await doWork(database, work)
  })
}
