import { expect } from 'vitest'
import { type Attempt, type Expected, judge, type Outcome, within } from './attempt.ts'
import { before, type Rows } from './jobs.ts'
import { posted } from './post-route.ts'
import { seed, settled, type Stage, stored } from './stage.ts'

/** A stage whose sessions are those of requests. */
export interface RequestStage extends Stage {
  readonly url: string
}

const left = 'left'

/** The outcome of a request: success is what its client sees. */
export async function outcomeOf(url: string, rows: Rows, signal?: AbortSignal): Promise<Outcome> {
  try {
    const response = await fetch(url, { method: 'POST', ...(signal && { signal }) })
    const body = (await response.json()) as { readonly code?: string }
    if (response.status < 400) return { rows }
    return { code: body.code ?? `${response.status} without a code` }
  } catch (error) {
    return { code: signal?.aborted === true ? left : `no answer: ${String(error)}` }
  }
}

/** Sends a request with a fault, and compares its answer with what is stored. */
export async function attemptRequest(
  stage: RequestStage,
  expected: Expected,
  signal?: AbortSignal,
): Promise<Attempt> {
  const { proxy, query, usage, url } = stage
  const { fault } = expected
  const seeded = await seed(query)
  await settled(stage)
  proxy.arm(fault)
  const outcome = await within(
    outcomeOf(`${url}/posts/${seeded.keptId}`, posted(seeded), signal),
    stage,
  )
  if ('code' in outcome && outcome.code === left) await noticed(stage)
  proxy.disarm()
  await settled(stage)
  const rows = await stored(query, seeded)
  const wrong: string[] = []
  if ('rows' in outcome || outcome.code !== left)
    wrong.push(...judge(outcome, { rows, initial: before(seeded) }, proxy.hasSeenCommit, expected))
  else if (rows.join() !== before(seeded).join() && !proxy.hasSeenCommit)
    wrong.push(`the client has left before a COMMIT, and stored is ${rows.join()}`)
  if (!fault.hasFired && 'code' in outcome) wrong.push(`${outcome.code} without harm`)
  await expect
    .poll(async () => {
      const { total, idle, waiting } = await usage()
      return { busy: total - idle, waiting }
    })
    .toEqual({ busy: 0, waiting: 0 })
  if (fault.hasFired && expected.mayLose) proxy.destroyAll()
  return { hasFired: fault.hasFired, place: fault.place, wrong }
}

/** The server has done what it does for a client that has left: another request is answered, and nothing is busy. */
async function noticed({ url }: RequestStage): Promise<void> {
  await (await fetch(`${url}/left`)).text()
}
