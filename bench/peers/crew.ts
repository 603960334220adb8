import { join } from 'node:path'
import { type Contestant, type Costs, interleaved, shuffled } from '../rounds.ts'
import { WorkerProcess } from '../worker-process.ts'
import { differenceOf } from './difference.ts'
import { base, type EntrantName, type WorkloadName } from './names.ts'
import { peerOf } from './options.ts'
import type { Progress } from './progress.ts'
import type { BenchDatabase } from './server.ts'
import type { WarmUp, WorkerArgument, WorkerReply, WorkerRequest } from './worker.ts'
import { workloads } from './workloads.ts'

type Worker = WorkerProcess<WorkerRequest, WorkerReply>

/** A batch takes at least so long: the clock of the CPU is not exact. */
const batchMs = 50

/** The turn that all results are compared at. */
const checkedTurns = [0, 41] as const

export interface Bench {
  readonly database: BenchDatabase
  readonly progress: Progress
  readonly entrants: readonly EntrantName[]
}

/** The processes of all entrants. */
export class Crew implements AsyncDisposable {
  readonly #bench: Bench
  readonly #workers: ReadonlyMap<EntrantName, Worker>
  readonly #processes = new AsyncDisposableStack()

  /** @param url of the bench's database, directly or through a proxy */
  constructor(bench: Bench, url = bench.database.url) {
    this.#bench = bench
    const path = join(import.meta.dirname, 'worker.ts')
    this.#workers = new Map(
      bench.entrants.map((entrant) => {
        const argument: WorkerArgument = { peer: peerOf(entrant), url }
        return [entrant, this.#processes.use(new WorkerProcess(path, argument))]
      }),
    )
  }

  /** Requires that all entrants come to the same results, and leave the same rows behind. */
  async requireEqual(workload: WorkloadName): Promise<void> {
    const { database } = this.#bench
    for (const turn of checkedTurns) {
      let expected: unknown
      for (const [entrant, worker] of this.#workers) {
        const { result } = await worker.ask({ kind: 'check', workload, turn })
        const found = { result, written: await database.written() }
        if (workloads[workload].writes) await database.reset()
        expected ??= found
        const difference = differenceOf(found, expected)
        if (difference === undefined) continue
        throw new Error(`${workload} of ${entrant} is not what it is with ${base}. ${difference}`)
      }
    }
  }

  /** Warms everybody up, then lets them take turns in random order. */
  async race(workload: WorkloadName, rounds: number, warmUp: WarmUp): Promise<Costs> {
    const { progress } = this.#bench
    const all = this.#workers.size * rounds
    let done = 0
    const contestants: Contestant[] = []
    for (const [name, worker] of this.#workers) {
      const turns = await this.#turnsOf(worker, workload, warmUp)
      const round: Contestant['round'] = async () => {
        const { cost } = await worker.ask({ kind: 'round', workload, turns })
        await this.#resetAfter(workload)
        progress.step((done += 1), all)
        if (cost === undefined) throw new Error(`Expected a cost of ${name}, got none`)
        return cost
      }
      contestants.push({ name, round })
    }
    return await interleaved(contestants, { milliseconds: 0, leastRounds: rounds }, shuffled)
  }

  async #turnsOf(worker: Worker, workload: WorkloadName, least: WarmUp): Promise<number> {
    const { pace = batchMs } = await worker.ask({ kind: 'warm up', workload, least })
    await this.#resetAfter(workload)
    return Math.max(1, Math.ceil(batchMs / pace))
  }

  async #resetAfter(workload: WorkloadName): Promise<void> {
    if (workloads[workload].writes) await this.#bench.database.reset()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#processes.disposeAsync()
  }
}
