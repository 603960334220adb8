import { join } from 'node:path'
import type { Benchmark } from '../benchmark.ts'
import { machine } from '../machine.ts'
import type { Costs } from '../rounds.ts'
import { WorkerProcess } from '../worker-process.ts'
import { type Bench, Crew } from './crew.ts'
import { HttpCrew } from './http-crew.ts'
import { installPeers } from './install.ts'
import { builtIn, type RouteName, type WorkloadName } from './names.ts'
import { optionsHelp, peerOf, type PeersOptions, peersOptions } from './options.ts'
import { Progress } from './progress.ts'
import type { ProxyArgument, ProxyReply, ProxyRequest } from './proxy-worker.ts'
import { reportOf, verdictTable } from './report.ts'
import type { Results } from './results.ts'
import { routes as knownRoutes } from './routes.ts'
import { BenchDatabase } from './server.ts'
import { verdictsOf } from './verdicts.ts'
import { versionLine } from './versions.ts'
import type { WarmUp } from './worker.ts'
import { workloads } from './workloads.ts'

// Long enough for the engine to compile what is hot.
const warmUpMs = 2000
const leastTurns = 3
const distantWarmUp: WarmUp = { milliseconds: 150, turns: leastTurns }

export const peers: Benchmark = {
  name: 'peers',
  summary: 'this package compared with pg, postgres, Drizzle, Kysely, MikroORM, TypeORM and Prisma',
  options: optionsHelp,
  run: async (given) => {
    const options = peersOptions(given)
    const { results, version } = await measured(options)
    const verdicts = verdictsOf(results)
    const parts = [
      `${machine()}, PostgreSQL ${version}\n\n${versionLine(options.entrants)}\n\n${options.rounds} rounds in random order, half as many with latency and over HTTP. One process for each peer.`,
      reportOf(results),
      verdictTable(verdicts),
    ]
    console.log(parts.filter((part) => part !== '').join('\n\n'))
    return verdicts.every(({ outcome }) => outcome !== 'missed')
  },
}

async function measured(options: PeersOptions): Promise<{ results: Results; version: string }> {
  const { entrants, routes } = options
  using progress = new Progress()
  const isBuiltIn = entrants.every((entrant) => builtIn.includes(peerOf(entrant)))
  if (!isBuiltIn || routes.length > 0) await installPeers(progress)
  progress.phase('filling a database')
  await using database = await BenchDatabase.create()
  const bench: Bench = { database, progress, entrants }
  const direct = await overDirect(bench, options)
  const distant = await overDistance(bench, options)
  const results = { entrants, direct, distant, routes: await overHttp(bench, options) }
  return { results, version: database.version }
}

async function overDirect(
  bench: Bench,
  { workloads: names, rounds }: PeersOptions,
): Promise<Results['direct']> {
  if (names.length === 0) return new Map()
  await using crew = new Crew(bench)
  // All results are compared before anything has changed a row.
  for (const name of names) {
    bench.progress.phase(`comparing results: ${workloads[name].title}`)
    await crew.requireEqual(name)
  }
  const costs: [WorkloadName, Costs][] = []
  for (const name of names) {
    bench.progress.phase(`measuring: ${workloads[name].title}`)
    const { warmUpTurns: turns = leastTurns } = workloads[name]
    costs.push([name, await crew.race(name, rounds, { milliseconds: warmUpMs, turns })])
  }
  return new Map(costs)
}

async function overDistance(
  bench: Bench,
  { distant, rounds }: PeersOptions,
): Promise<Results['distant']> {
  if (distant.length === 0) return []
  const argument: ProxyArgument = { url: bench.database.url }
  const path = join(import.meta.dirname, 'proxy-worker.ts')
  await using proxy = new WorkerProcess<ProxyRequest, ProxyReply>(path, argument)
  const { url } = await proxy.ask({ delay: 0 })
  await using crew = new Crew(bench, url)
  const results: Results['distant'][number][] = []
  for (const { workload, milliseconds } of distant) {
    const title = `${workloads[workload].title}, ${milliseconds} ms each way`
    bench.progress.phase(`measuring: ${title}`)
    await proxy.ask({ delay: milliseconds })
    if (milliseconds === 0) await crew.requireEqual(workload)
    const costs = await crew.race(workload, halfOf(rounds), distantWarmUp)
    results.push({ workload, milliseconds, costs })
  }
  return results
}

async function overHttp(
  bench: Bench,
  { routes, rounds }: PeersOptions,
): Promise<Results['routes']> {
  if (routes.length === 0) return new Map()
  await using crew = new HttpCrew(bench)
  const costs: [RouteName, Costs][] = []
  for (const name of routes) {
    const { title } = knownRoutes[name]
    bench.progress.phase(`comparing answers: ${title}`)
    await crew.requireEqual(name)
    bench.progress.phase(`measuring: ${title}`)
    costs.push([name, await crew.race(name, halfOf(rounds))])
  }
  return new Map(costs)
}

/** Rounds with latency and loads of HTTP are long. Fewer of them are as exact. */
function halfOf(rounds: number): number {
  return Math.ceil(rounds / 2)
}
