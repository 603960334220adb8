import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as library from '../../orm/index.ts'
import { startPostgres } from '../../plugin/testing/index.ts'
import type { Benchmark } from '../benchmark.ts'
import { type Contestant, type Cost, type Costs, interleaved, joined } from '../rounds.ts'
import { WorkerProcess } from '../worker-process.ts'
import { fakeTable, machine, method, realTable, verdictLines } from './report.ts'
import { sdkEnvironment } from './sdk.ts'
import { queriesPerSession, realVariants, type Variant, variants } from './variants.ts'
import { verdicts } from './verdicts.ts'
import { copyWithoutTelemetry } from './without-telemetry.ts'
import type { RoundRequest, WorkerArgument } from './worker.ts'
import { benchUser } from './workload.ts'

// What a process happens to be like stays as long as it lives, so there are several of each variant.
const generations = 3

interface Plan {
  readonly variants: readonly Variant[]
  readonly folders: Folders
  readonly url?: string
  readonly sessions: number
  readonly warmUpRounds: number
  readonly milliseconds: number
}

interface Folders {
  readonly orm: string
  readonly withoutTelemetry: string
}

export const telemetry: Benchmark = {
  name: 'telemetry',
  summary: 'what spans cost: off, not sampled, sampled, beside instrumentation-pg',
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
  const runs: Costs[] = []
  for (let generation = 1; generation <= generations; generation += 1) {
    console.log(`client in process, processes ${generation} of ${generations} …`)
    const extent = { sessions: 300, warmUpRounds: 4, milliseconds: 9000 }
    runs.push(await raced({ variants, folders, ...extent }))
  }
  console.log('PostgreSQL …')
  const real = await onPostgres(folders)
  const fake = joined(runs)
  const found = verdicts(fake)
  console.log(
    ['', method, fakeTable(fake, variants), realTable(real, realVariants)].join('\n\n'),
    `\n\n${verdictLines(found)}`,
  )
  return found.every(({ isKept }) => isKept)
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
  const extent = { sessions: 60, warmUpRounds: 3, milliseconds: 7000 }
  return await raced({ variants: realVariants, folders, url, ...extent })
}

/** Starts a process for each variant, warms it up, and lets them work in turn. */
async function raced({ warmUpRounds, milliseconds, ...plan }: Plan): Promise<Costs> {
  await using processes = new AsyncDisposableStack()
  const contestants = plan.variants.map((variant) => contestant(plan, variant, processes))
  await interleaved(contestants, { leastRounds: warmUpRounds, milliseconds: 0 })
  return await interleaved(contestants, { leastRounds: 5, milliseconds })
}

function contestant(
  { folders, url, sessions }: Omit<Plan, 'warmUpRounds' | 'milliseconds'>,
  variant: Variant,
  processes: AsyncDisposableStack,
): Contestant {
  const argument: WorkerArgument = {
    variant,
    orm: variant.isWithout === true ? folders.withoutTelemetry : folders.orm,
    ...(url !== undefined && { url }),
  }
  const worker = processes.use(
    new WorkerProcess<RoundRequest, Cost>(
      join(import.meta.dirname, 'worker.ts'),
      argument,
      sdkEnvironment(variant.isSampled),
    ),
  )
  return { name: variant.name, round: () => worker.ask({ sessions }) }
}
