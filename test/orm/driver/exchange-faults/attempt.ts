import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { DataBridgeError, type Session, type SessionOptions } from '../../../../orm/index.ts'
import { Post, User } from '../../../support/entities.ts'
import type { Fault } from '../../../support/protocol-proxy.ts'
import { before, deferred, type Job, onlyReads, type Rows, type Seed, type Trail } from './jobs.ts'
import { type DatabaseStage, seed, settled, type Stage, stored } from './stage.ts'

/** How some work ended: with these rows, or with an error. */
export type Outcome = { readonly rows: Rows } | { readonly code: string }

/** What an attempt has shown. */
export interface Attempt {
  readonly hasFired: boolean
  /** The message at which the fault has fired. */
  readonly place?: string | undefined
  /** What was wrong. */
  readonly wrong: readonly string[]
}

export const limitMs = 10_000
const unknown = 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN'
const hung = 'hung'

/** The outcome of work, also if it never ends. */
export async function within(work: Promise<Outcome>, stage: Stage): Promise<Outcome> {
  const calling = new AbortController()
  const late = setTimeout(limitMs, { code: hung }, { signal: calling.signal })
  late.catch(() => {})
  const outcome = await Promise.race([work, late])
  calling.abort()
  if ('code' in outcome && outcome.code === hung) stage.proxy.destroyAll()
  return outcome
}

/** The outcome of a job on a session. */
async function outcomeOf(work: () => Promise<Rows>): Promise<Outcome> {
  try {
    return { rows: await work() }
  } catch (error) {
    return {
      code: error instanceof DataBridgeError ? error.code : `no error of ours: ${String(error)}`,
    }
  }
}

export interface Expected {
  readonly fault: Fault
  /** Whether the fault may leave nobody knowing how a commit ended. */
  readonly mayLose: boolean
  /** Whether the work succeeds in spite of the fault. */
  readonly isHarmless?: boolean
}

/** What is wrong with an outcome, compared with what is stored. */
export function judge(
  outcome: Outcome,
  { rows, initial }: { readonly rows: Rows; readonly initial: Rows },
  hasSeenCommit: boolean,
  { mayLose }: Expected,
): string[] {
  if ('rows' in outcome) {
    // A row that comes twice looks like two rows.
    const isRight = isDeepStrictEqual(new Set(outcome.rows), new Set(rows))
    return isRight ? [] : [`success with ${outcome.rows.join()}, stored is ${rows.join()}`]
  }
  const { code } = outcome
  if (code === hung) return [`has not ended within ${limitMs} ms`]
  const wrong = code.startsWith('DATA_BRIDGE_ERR_') ? [] : [code]
  if (code === unknown && !mayLose) wrong.push('COMMIT_UNKNOWN without a loss')
  if (code === unknown && !hasSeenCommit) wrong.push('COMMIT_UNKNOWN before a COMMIT')
  if (code !== unknown && !isDeepStrictEqual(rows, initial))
    wrong.push(`${code}, and stored is ${rows.join()}`)
  return wrong
}

/** Runs a job on a stage with a fault, and compares what it says with what is stored. */
export async function attempt(
  stage: DatabaseStage,
  job: Job,
  expected: Expected,
  options: SessionOptions = {},
): Promise<Attempt> {
  const { query, proxy, database } = stage
  const { fault } = expected
  const seeded = await seed(query)
  await settled(stage)
  const trail: Trail = { seen: new Set(), added: [] }
  const session = database.session(options)
  proxy.arm(fault)
  const outcome = await within(
    outcomeOf(() => job(session, seeded, trail)),
    stage,
  )
  proxy.disarm()
  const hasFailed = 'code' in outcome && !session.isClosed
  if (hasFailed && !onlyReads(job)) await session.rollback()
  await settled(stage)
  const rows = await stored(query, seeded)
  const wrong = judge(outcome, { rows, initial: before(seeded) }, proxy.hasSeenCommit, expected)
  wrong.push(...unharmed(outcome, job, expected))
  const attempts = fault.hasFired && expected.isHarmless !== true ? 3 : 1
  if (hasFailed) wrong.push(...(await stale(stage, session, seeded, trail, attempts)))
  await session.close()
  const { total, idle, waiting } = database.usage
  if (total !== idle || waiting > 0) wrong.push(`${total - idle} connections are not back`)
  // Idle connections that have lost what was not theirs, or were told what was not, are of no use to the next attempt.
  if (fault.hasFired && expected.mayLose) proxy.destroyAll()
  return { hasFired: fault.hasFired, place: fault.place, wrong }
}

/** Without a fault, and with a harmless one, a job ends as it should. */
function unharmed(outcome: Outcome, job: Job, { fault, isHarmless = false }: Expected): string[] {
  if (fault.hasFired && !isHarmless) return []
  const ending = 'code' in outcome ? outcome.code : 'success'
  const right = job === deferred ? 'DATA_BRIDGE_ERR_COMMIT_FAILED' : 'success'
  return ending === right ? [] : [`${ending} without harm`]
}

/** The entities that the session still holds, though they came from a query that failed, or were undone. */
async function stale(
  { query }: Stage,
  session: Session,
  { userId, keptId, doomedId }: Seed,
  { seen, added }: Trail,
  attempts: number,
): Promise<string[]> {
  const postIds = [keptId, doomedId]
  const userIds = [userId, ...added.map(({ id }) => id as number | undefined)].filter(
    (id) => id !== undefined,
  )
  const likes = await query(
    'update posts set likes = likes + 100 where id = any($1) returning id, likes as value',
    [postIds],
  )
  const ages = await query(
    'update users set age = 77 where id = any($1) returning id, age as value',
    [userIds],
  )
  const posts = (await again(() => session.getMany(Post, postIds), attempts)).filter(
    (post) => !seen.has(post),
  )
  const users = (await again(() => session.getMany(User, userIds), attempts)).filter(
    (user) => !seen.has(user),
  )
  const isStored = (rows: object[], id: number, value: unknown): boolean =>
    rows.some((row) => isDeepStrictEqual(row, { id, value }))
  return [
    ...posts.filter((post) => !isStored(likes, post.id, post.likes)),
    ...users.filter((user) => !isStored(ages, user.id, user.age)),
  ].map((entity) => `the session still holds ${JSON.stringify(entity)}`)
}

/** Reads again where the connection still has what the fault left on it, or the machine was too slow for the time limit. */
async function again<T>(read: () => Promise<T>, left: number): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const { code } = error as DataBridgeError
    const isLeftOver = /_(CONNECTION_LOST|STATEMENT_TIMEOUT)$/.test(code)
    if (!isLeftOver || left === 1) throw error
    return again(read, left - 1)
  }
}

/** How many positions there were, and what was wrong at them. */
export interface Tour {
  readonly positions: number
  readonly wrong: readonly string[]
}

/**
 * Attempts the positions 1, 2, 3, … on several stages at once, until a fault has not fired.
 * A position that hangs ends the tour: those behind it would hang too.
 */
export async function everyPosition<S>(
  stages: readonly S[],
  attemptAt: (stage: S, n: number) => Promise<Attempt>,
): Promise<Tour> {
  let position = 0
  let fired = 0
  let isOver = false
  const wrong: string[] = []
  await Promise.all(
    stages.map(async (stage) => {
      while (!isOver) {
        const n = (position += 1)
        const result = await attemptAt(stage, n)
        if (result.hasFired) fired += 1
        else isOver = true
        if (result.wrong.some((what) => what.includes('has not ended'))) isOver = true
        wrong.push(...result.wrong.map((what) => `at ${n} (${result.place}): ${what}`))
      }
    }),
  )
  return { positions: fired, wrong: wrong.toSorted() }
}
