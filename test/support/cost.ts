import { createHook } from 'node:async_hooks'
import { type Sent, watchClients } from './client-messages.ts'

/** What one turn of a workload costs. */
export interface Cost {
  /** Round trips to PostgreSQL. */
  readonly exchanges: number
  /** Statements, BEGIN and COMMIT included. */
  readonly statements: number
  /** Promises, those of the workload itself included. */
  readonly promises: number
  /** Bytes that were allocated on the heap of JavaScript. */
  readonly bytes: number
}

/** Something that is done again and again. It throws if it does not get what it should. */
export interface Workload {
  readonly turn: () => Promise<void>
  /** How many turns allocate enough to be measured, and less than the young generation holds. */
  readonly turns: number
}

/**
 * What workloads cost when they are warm: what is done once in a process does not count.
 *
 * @param applicationName of the connections that they use
 */
export async function costsOf(
  workloads: Readonly<Record<string, Workload>>,
  applicationName: string,
): Promise<Record<string, Cost>> {
  const sent: Record<string, Sent> = {}
  {
    using clients = watchClients(applicationName)
    for (const [name, { turn, turns }] of Object.entries(workloads)) {
      await repeat(turn, turns)
      clients.take()
      await turn()
      sent[name] = clients.take()
    }
  }
  const costs: Record<string, Cost> = {}
  for (const [name, { turn, turns }] of Object.entries(workloads)) {
    const { exchanges = 0, texts = [] } = sent[name] ?? {}
    const promises = await promisesOf(turn)
    const bytes = await bytesOf(turn, turns)
    costs[name] = { exchanges, statements: texts.length, promises, bytes }
  }
  return costs
}

/** The fewest of some turns: a timer of somebody else may come between. */
async function promisesOf(turn: () => Promise<void>): Promise<number> {
  let count = 0
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'PROMISE') count += 1
    },
  })
  const counts: number[] = []
  for (let time = 0; time < 5; time += 1) {
    hook.enable()
    count = 0
    await turn()
    counts.push(count)
    hook.disable()
  }
  return Math.min(...counts)
}

/** The median of some rounds: a collection in the middle of one makes it useless. */
async function bytesOf(turn: () => Promise<void>, turns: number): Promise<number> {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('Expected node --expose-gc')
  const rounds: number[] = []
  for (let round = 0; round < 7; round += 1) {
    gc()
    const before = process.memoryUsage().heapUsed
    await repeat(turn, turns)
    rounds.push((process.memoryUsage().heapUsed - before) / turns)
  }
  return Math.round(rounds.toSorted((a, b) => a - b)[3] as number)
}

async function repeat(turn: () => Promise<void>, turns: number): Promise<void> {
  for (let at = 0; at < turns; at += 1) await turn()
}
