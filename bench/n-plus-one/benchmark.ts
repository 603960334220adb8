import { join } from 'node:path'
import type { NPlusOneMode } from '../../orm/index.ts'
import { startPostgres } from '../../plugin/testing/index.ts'
import type { Benchmark } from '../benchmark.ts'
import { machine } from '../machine.ts'
import { type Contestant, type Cost, type Costs, interleaved, joined } from '../rounds.ts'
import { median, quantile, ratios } from '../statistics.ts'
import { textTable } from '../table.ts'
import { WorkerProcess } from '../worker-process.ts'
import type { RoundRequest, WorkerArgument } from './worker.ts'
import { createRows, type Work } from './workload.ts'

/** The limit for `count`: this many times the CPU of a request without a detector. */
const mostCounting = 1.01

/** The limit for `detect`: milliseconds of CPU for 100 lazy loads. */
const mostDetecting = 1.5

const contestants: Readonly<Record<string, NPlusOneMode>> = {
  off: 'off',
  'off again': 'off',
  count: 'count',
  detect: 'detect',
}

// A process keeps its random properties as long as it lives. So each contestant gets several processes.
const generations = 2

/** Measures what a session costs in each mode, on PostgreSQL. */
export const nPlusOne: Benchmark = {
  name: 'n-plus-one',
  summary: "the cost of looking for N+1 patterns: 'count' and 'detect', compared with 'off'",
  run: async () => {
    console.log(`${machine()}\n`)
    await using postgres = await startPostgres()
    await createRows(postgres.url)
    const request = await costsOf(postgres.url, 'request')
    const lazy = await costsOf(postgres.url, 'lazy')
    console.log(
      `\nµs of CPU of a session with 50 queries\n\n${tableOf(request)}` +
        `\n\nµs of CPU of a list of 100 with 100 lazy loads\n\n${tableOf(lazy)}\n`,
    )
    return judged(request, lazy)
  },
}

async function costsOf(url: string, work: Work): Promise<Costs> {
  const runs: Costs[] = []
  for (let generation = 1; generation <= generations; generation += 1) {
    console.log(`${work}: processes ${generation} of ${generations} …`)
    await using processes = new AsyncDisposableStack()
    const all = Object.entries(contestants).map(([name, mode]): Contestant => {
      const argument: WorkerArgument = { url, mode }
      const path = join(import.meta.dirname, 'worker.ts')
      const worker = processes.use(new WorkerProcess<RoundRequest, Cost>(path, argument))
      return { name, round: () => worker.ask({ work, sessions: 20 }) }
    })
    await interleaved(all, { leastRounds: 40, milliseconds: 0 })
    runs.push(await interleaved(all, { leastRounds: 20, milliseconds: 6000 }))
  }
  return joined(runs)
}

function judged(request: Costs, lazy: Costs): boolean {
  const [one, other] = [cpuOf(request, 'off'), cpuOf(request, 'off again')]
  const spread = quantile([...ratios(one, other), ...ratios(other, one)], 0.75)
  const counting = ratioOf(request, 'count')
  const detecting = (median(cpuOf(lazy, 'detect')) - median(cpuOf(lazy, 'off'))) / 1000
  const verdicts = [
    {
      isKept: counting <= Math.max(mostCounting, spread),
      text: `count costs at most ${mostCounting} of off, or the spread of two equal ones: ${counting.toFixed(3)}; ${spread.toFixed(3)}`,
    },
    {
      isKept: detecting <= mostDetecting,
      text: `detect costs at most ${mostDetecting} ms for 100 lazy loads: ${detecting.toFixed(2)} ms`,
    },
  ]
  for (const { isKept, text } of verdicts) console.log(`${isKept ? 'PASS' : 'FAIL'}  ${text}`)
  return verdicts.every(({ isKept }) => isKept)
}

function tableOf(costs: Costs): string {
  const rows = Object.keys(contestants).map((name) => [
    name,
    median(cpuOf(costs, name)).toFixed(0),
    Math.min(...cpuOf(costs, name)).toFixed(0),
    ratioOf(costs, name).toFixed(3),
  ])
  return textTable([['mode', 'median', 'best', 'times off'], ...rows])
}

function cpuOf(costs: Costs, name: string): number[] {
  return (costs.get(name) ?? []).map(({ cpu }) => cpu)
}

function ratioOf(costs: Costs, name: string): number {
  return median(ratios(cpuOf(costs, name), cpuOf(costs, 'off')))
}
