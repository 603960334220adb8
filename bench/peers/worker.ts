/** Runs one peer in its own process, as applications do: no code of another peer is loaded or warm. */
import { measure } from '../measure.ts'
import type { Cost } from '../rounds.ts'
import { answerRequests, workerArgument } from '../worker-process.ts'
import { openPeer } from './clients.ts'
import type { PeerName, WorkloadName } from './names.ts'
import { connections } from './peer.ts'
import { shaped } from './shape.ts'
import { workloads } from './workloads.ts'

export interface WorkerArgument {
  readonly peer: PeerName
  readonly url: string
}

/** The least that a warm-up takes. */
export interface WarmUp {
  readonly milliseconds: number
  readonly turns: number
}

export type WorkerRequest =
  /** Does the work of a turn once, and replies with its result in a form that all peers share. */
  | { readonly kind: 'check'; readonly workload: WorkloadName; readonly turn: number }
  /** Does the work for so long and so many times, and replies with the milliseconds that a turn then took. */
  | { readonly kind: 'warm up'; readonly workload: WorkloadName; readonly least: WarmUp }
  /** Does the work so many times, and replies with its cost. */
  | { readonly kind: 'round'; readonly workload: WorkloadName; readonly turns: number }

export type WorkerReply = {
  readonly result?: unknown
  readonly pace?: number
  readonly cost?: Cost
}

const { peer: name, url } = workerArgument<WorkerArgument>()
const peer = await openPeer(name, url, connections)
let turn = 0

answerRequests(answer, () => peer.close())

async function answer(request: WorkerRequest): Promise<WorkerReply> {
  switch (request.kind) {
    case 'check':
      return { result: await check(request.workload, request.turn) }
    case 'warm up':
      return { pace: await warmUp(request.workload, request.least) }
    case 'round':
      return { cost: await round(request.workload, request.turns) }
  }
}

async function check(workload: WorkloadName, which: number): Promise<unknown> {
  const { shape, run } = workloads[workload]
  const result = await run(peer, which)
  if (shape === undefined) return null
  return shaped(result, shape, peer.read)
}

async function warmUp(workload: WorkloadName, least: WarmUp): Promise<number> {
  const end = performance.now() + least.milliseconds
  let last: number[] = []
  for (let done = 0; done < least.turns || performance.now() < end; done += 1) {
    const before = performance.now()
    await workloads[workload].run(peer, (turn += 1))
    last = [...last.slice(-20), performance.now() - before]
  }
  return last.reduce((sum, each) => sum + each, 0) / last.length
}

function round(workload: WorkloadName, turns: number): Promise<Cost> {
  return measure(turns, async () => {
    for (let done = 0; done < turns; done += 1) await workloads[workload].run(peer, (turn += 1))
  })
}
