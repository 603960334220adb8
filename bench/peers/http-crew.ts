import { join } from 'node:path'
import { type Contestant, type Cost, type Costs, interleaved, shuffled } from '../rounds.ts'
import { WorkerProcess } from '../worker-process.ts'
import type { Bench } from './crew.ts'
import { differenceOf } from './difference.ts'
import type { ServerReply, ServerRequest } from './http-worker.ts'
import type { Load, LoadReply } from './load.ts'
import { base, type EntrantName, type RouteName } from './names.ts'
import { peerOf } from './options.ts'
import { httpConnections, type LoadRequest, type Route, routes } from './routes.ts'
import type { WorkerArgument } from './worker.ts'

type Server = WorkerProcess<ServerRequest, ServerReply>

const checkedTurns = [0, 41] as const

/** The load of a round takes so long, and has so many requests at least. */
const loadMs = 400
const leastRequests = 20 * httpConnections

// A server gets faster for about so many requests: the engine compiles what is hot.
const warmUpRequests = 1000 * httpConnections

/** The servers of all entrants, and one process that sends them requests. */
export class HttpCrew implements AsyncDisposable {
  readonly #bench: Bench
  readonly #servers: ReadonlyMap<EntrantName, Server>
  readonly #processes = new AsyncDisposableStack()
  readonly #sender: WorkerProcess<Load, LoadReply>

  constructor(bench: Bench) {
    this.#bench = bench
    const start = <Request extends object, Reply>(file: string, argument: object) =>
      this.#processes.use(
        new WorkerProcess<Request, Reply>(join(import.meta.dirname, file), argument),
      )
    this.#servers = new Map(
      bench.entrants.map((entrant) => {
        const argument: WorkerArgument = { peer: peerOf(entrant), url: bench.database.url }
        return [entrant, start<ServerRequest, ServerReply>('http-worker.ts', argument)]
      }),
    )
    this.#sender = start<Load, LoadReply>('installed/load-worker.ts', {})
  }

  /** Requires that all servers answer the same, and leave the same rows behind. */
  async requireEqual(name: RouteName): Promise<void> {
    const { database } = this.#bench
    for (const turn of checkedTurns) {
      let expected: unknown
      for (const [entrant, server] of this.#servers) {
        const { port } = await server.ask({})
        const answer = await answerTo(port, routes[name].request(turn))
        const found = { answer, written: await database.written() }
        if (routes[name].writes) await database.reset()
        expected ??= found
        const difference = differenceOf(found, expected)
        if (difference === undefined) continue
        throw new Error(`${name} of ${entrant} is not what it is with ${base}. ${difference}`)
      }
    }
  }

  /** Warms the servers up, then sends each of them its load, in random order. */
  async race(name: RouteName, rounds: number): Promise<Costs> {
    const { progress } = this.#bench
    const route = routes[name]
    const all = this.#servers.size * rounds
    let done = 0
    const contestants: Contestant[] = []
    for (const [entrant, server] of this.#servers) {
      await this.#load(server, route, warmUpRequests)
      const { wall } = await this.#load(server, route, leastRequests)
      const amount = Math.max(leastRequests, Math.ceil((loadMs * 1000) / wall))
      const round = async (): Promise<Cost> => {
        const cost = await this.#load(server, route, amount)
        progress.step((done += 1), all)
        return cost
      }
      contestants.push({ name: entrant, round })
    }
    return await interleaved(contestants, { milliseconds: 0, leastRounds: rounds }, shuffled)
  }

  async #load(server: Server, route: Route, amount: number): Promise<Cost> {
    const before = await server.ask({})
    const load = { port: before.port, amount, requests: requestsOf(route, amount) }
    const { milliseconds, responses, failures } = await this.#sender.ask(load)
    const { cpu } = await server.ask({})
    if (route.writes) await this.#bench.database.reset()
    if (failures > 0 || responses !== amount) {
      throw new Error(
        `${route.title}: expected ${amount} responses without a failure, got ${responses} with ${failures} failures`,
      )
    }
    return { wall: (milliseconds * 1000) / amount, cpu: (cpu - before.cpu) / amount }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#processes.disposeAsync()
  }
}

/** Longer loads send the same requests again. To prepare more of them would take longer than to send them. */
const mostRequests = 50 * httpConnections

/** Connections take every sixteenth turn: no two of them wait for the lock of one row. */
function requestsOf(route: Route, amount: number): readonly (readonly LoadRequest[])[] {
  const length = Math.ceil(Math.min(amount, mostRequests) / httpConnections)
  return Array.from({ length: httpConnections }, (_, connection) =>
    Array.from({ length }, (__, index) => route.request(index * httpConnections + connection)),
  )
}

/** The answer without what differs from run to run: the date of a new row. */
async function answerTo(port: number, { method, path, body }: LoadRequest): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    signal: AbortSignal.timeout(10_000),
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    }),
  })
  const answer = (await response.json()) as Readonly<Record<string, unknown>>
  const isNew = method === 'POST' && !Number.isNaN(Date.parse(String(answer['createdAt'])))
  return { status: response.status, body: isNew ? { ...answer, createdAt: 'new' } : answer }
}
