import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as library from '../../orm/index.ts'
import { startPostgres } from '../../plugin/testing/index.ts'
import type { Benchmark } from '../benchmark.ts'
import { machine } from '../machine.ts'
import { type Contestant, type Cost, type Costs, interleaved, joined } from '../rounds.ts'
import { WorkerProcess } from '../worker-process.ts'
import type { LoopArgument, LoopRequest } from './loop-worker.ts'
import { loopKinds } from './loops.ts'
import { fakeTable, loopTable, method, realTable, verdictLines } from './report.ts'
import { sdkEnvironment } from './sdk.ts'
import { queriesPerSession, realVariants, type Variant, variants } from './variants.ts'
import { noiseOf, verdicts } from './verdicts.ts'
import { copyWithoutTelemetry } from './without-telemetry.ts'
import type { RoundRequest, WorkerArgument } from './worker.ts'
import { benchUser } from './workload.ts'

// A process keeps its random properties as long as it lives. So each variant gets several processes.
const generations = 2

// A process gets faster over tens of thousands of queries, in unequal steps. Before that, equal builds differ by a
// tenth, and a query costs twice as much as later.
const warmUpRounds = { query: 70, loop: 30, postgres: 20 } as const

interface Plan {
  readonly variants: readonly Variant[]
  readonly folders: Folders
  readonly url?: string
  readonly sessions: number
}

interface Folders {
  readonly orm: string
  readonly withoutTelemetry: string
}

export const telemetry: Benchmark = {
  name: 'telemetry',
  summary: 'the cost of spans: off, not sampled, sampled, and compared with instrumentation-pg',
  run: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'data-bridge-bench-'))
    try {
      const withoutTelemetry = copyWithoutTelemetry(folder)
      return await compare({ orm: join(import.meta.dirname, '../../orm'), withoutTelemetry })
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
}

async function compare(folders: Folders): Promise<boolean> {
  console.log(`${machine()}\n`)
  const plan = { variants, folders, sessions: 100 }
  const path = await ofGenerations('queries, client in process', () =>
    raced((processes) => queryContestants(plan, processes), warmUpRounds.query, 8000),
  )
  const loop = await ofGenerations('spans on their own', () =>
    raced(loopContestants, warmUpRounds.loop, 4000),
  )
  console.log('queries, PostgreSQL …')
  const real = await onPostgres(folders)
  const found = verdicts(path, loop)
  const noise = noiseOf(path)
  const tables = [fakeTable(path, variants), loopTable(loop), realTable(real, realVariants)]
  console.log(['', method, ...tables, verdictLines(found), ...noise].join('\n\n'))
  return found.every(({ isKept }) => isKept)
}

async function ofGenerations(what: string, race: () => Promise<Costs>): Promise<Costs> {
  const runs: Costs[] = []
  for (let generation = 1; generation <= generations; generation += 1) {
    console.log(`${what}: processes ${generation} of ${generations} …`)
    runs.push(await race())
  }
  return joined(runs)
}

async function onPostgres(folders: Folders): Promise<Costs> {
  await using postgres = await startPostgres()
  const { url } = postgres
  const User = benchUser(library)
  await using database = new library.Database({ connectionString: url, tables: [User] })
  await database.createSchema()
  await database.run((session) => {
    for (let key = 1; key <= queriesPerSession; key += 1) {
      session.add(new User({ name: 'Ada', email: 'ada@example.com', age: 36 }))
    }
  })
  const plan = { variants: realVariants, folders, url, sessions: 50 }
  return await raced((processes) => queryContestants(plan, processes), warmUpRounds.postgres, 5000)
}

/** Starts the contestants, warms them up for this many rounds, and runs them in turn. */
async function raced(
  start: (processes: AsyncDisposableStack) => readonly Contestant[],
  warmUp: number,
  milliseconds: number,
): Promise<Costs> {
  await using processes = new AsyncDisposableStack()
  const contestants = start(processes)
  await interleaved(contestants, { leastRounds: warmUp, milliseconds: 0 })
  return await interleaved(contestants, { leastRounds: 5, milliseconds })
}

function queryContestants(
  { variants: all, folders, url, sessions }: Plan,
  processes: AsyncDisposableStack,
): readonly Contestant[] {
  return all.map((variant) => {
    const argument: WorkerArgument = {
      variant,
      orm: variant.isWithout === true ? folders.withoutTelemetry : folders.orm,
      ...(url !== undefined && { url }),
    }
    const worker = new WorkerProcess<RoundRequest, Cost>(
      join(import.meta.dirname, 'worker.ts'),
      argument,
      sdkEnvironment(variant.isSampled),
    )
    processes.use(worker)
    return { name: variant.name, round: () => worker.ask({ sessions }) }
  })
}

function loopContestants(processes: AsyncDisposableStack): readonly Contestant[] {
  return loopKinds.map((kind) => {
    const argument: LoopArgument = { kind }
    const worker = new WorkerProcess<LoopRequest, Cost>(
      join(import.meta.dirname, 'loop-worker.ts'),
      argument,
      sdkEnvironment(true),
    )
    processes.use(worker)
    return { name: kind, round: () => worker.ask({ turns: 400 }) }
  })
}
