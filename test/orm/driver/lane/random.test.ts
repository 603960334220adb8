import { randomInt } from 'node:crypto'
import type { PoolClient } from 'pg'
import { expect, it } from 'vitest'
import { testDatabase } from '../../../support/database.ts'
import { choppingProxy } from './chopping-proxy.ts'
import { type Laned, openLane, rowsOf, send } from './lanes.ts'
import { type Act, createTable, Model, partOf, seen } from './model.ts'

const { url, query } = await testDatabase()

// A seed that failed is tried again with LANE_SEED.
const seed = Number(process.env['LANE_SEED'] ?? randomInt(2 ** 31))

type Random = (below: number) => number

function randomFrom(start: number): Random {
  let state = start
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const values = ['', 'plain', 'tëxt', '€'.repeat(50), 'x'.repeat(3000)]

function randomAct(random: Random): Act {
  const name = (of: string): string | undefined => [undefined, of, `${of} 2`][random(3)]
  switch (random(12)) {
    case 0:
    case 1:
      return { kind: 'echo', value: values[random(values.length)]!, name: name('echo') }
    case 2:
      return { kind: 'series', count: random(30), name: name('series') }
    case 3:
    case 4:
    case 5:
      return { kind: 'insert', value: random(100), name: name('insert') }
    case 6:
      return { kind: 'fail', how: (['parse', 'bind', 'execute'] as const)[random(3)]! }
    default:
      return {
        kind: (['stored', 'begin', 'commit', 'commit', 'rollback', 'notice', 'empty'] as const)[
          random(7)
        ]!,
      }
  }
}

/** Some statements through the lane, in one exchange. */
async function laneStep({ lane }: Laned, model: Model, random: Random): Promise<void> {
  const acts = Array.from({ length: random(5) }, () => randomAct(random))
  const expected = model.exchange(acts)
  const outcome = await send(lane, ...acts.map(partOf))
  expect(seen(outcome)).toEqual(expected)
}

/** A statement through `pg`, which knows nothing of the lane. */
async function pgStep({ client }: Laned, model: Model, random: Random): Promise<void> {
  const act = randomAct(random)
  // Without parameters, `pg` sends it in another protocol, in which it never fails.
  if (act.kind === 'empty') return
  const { tags, failure } = model.exchange([act])
  const part = partOf(act) as { text: string; name?: string; parameters?: string[] }
  const query = {
    text: part.text,
    values: part.parameters ?? [],
    ...(random(2) === 0 && { name: `pg ${part.text.slice(0, 20)}` }),
  }
  const outcome = await client.query(query).then(
    ({ command }) => ({ tag: command }),
    ({ code }: { code: string }) => ({ code }),
  )
  expect(outcome).toEqual(failure === undefined ? { tag: tags[0] } : { code: failure.code })
}

/** Both wait in the queue of `pg`. */
async function queuedStep({ client, lane }: Laned, model: Model, random: Random): Promise<void> {
  const first = randomAct(random)
  const second = randomAct(random)
  const before = model.exchange([{ kind: 'stored' }])
  const expected = [model.exchange([first]), model.exchange([second])]
  const [told, ...outcomes] = await Promise.all([
    client.query('select n from stored order by n').then(
      ({ rows }: { rows: { n: number }[] }) => rows.map(({ n }) => [n]),
      () => [],
    ),
    send(lane, partOf(first)),
    send(lane, partOf(second)),
  ])
  expect(told).toEqual(before.rows[0])
  expect(outcomes.map(seen)).toEqual(expected)
}

async function forgetStep({ client, lane }: Laned, model: Model, random: Random): Promise<void> {
  if (random(4) > 0 || model.status !== 'I')
    return lane.forget(['echo', 'insert', 'fail'][random(3)]!)
  await client.query('deallocate all')
  lane.forgetAll()
  const { connection } = client as PoolClient & { connection: { parsedStatements: object } }
  Object.assign(connection, { parsedStatements: {} })
}

const steps = [laneStep, laneStep, laneStep, laneStep, pgStep, pgStep, queuedStep, forgetStep]

/** Tells the client something now and then, whatever runs on it. */
function teller(random: Random): { tell(): void; readonly told: Promise<unknown>[] } {
  const told: Promise<unknown>[] = []
  return {
    told,
    tell() {
      if (random(20) > 0) return
      told.push(query(`select pg_notify('news', repeat('x', $1))`, [random(7000)]))
    },
  }
}

/** @returns how many steps agreed with the model */
async function run(laned: Laned, count: number, random: Random): Promise<number> {
  const model = new Model()
  let notices = 0
  laned.client.on('notice', ({ message }) => (notices += Number(message === 'noted')))
  let heard = 0
  laned.client.on('notification', () => (heard += 1))
  await rowsOf(laned.lane, 'listen news')
  await rowsOf(laned.lane, createTable)
  const { tell, told } = teller(random)
  for (let step = 0; step < count; step += 1) {
    try {
      tell()
      await steps[random(steps.length)]!(laned, model, random)
      expect(laned.lane.isInTransaction).toBe(model.status !== 'I')
    } catch (error) {
      throw new Error(`Step ${step} of the seed ${seed} failed`, { cause: error })
    }
  }
  expect(notices).toBe(model.notices)
  await Promise.all(told)
  // They come when no transaction is open.
  await laned.client.query('rollback')
  await expect.poll(() => heard).toBe(told.length)
  return count
}

it(`agrees with the model for 10,000 random steps through a chopping network (seed ${seed})`, async () => {
  // Ten times, each with an empty table: to read a long one is most of the time, and no other case.
  for (let round = 0; round < 10; round += 1) {
    const random = randomFrom(seed + 2 * round)
    const pieces = randomFrom(seed + 2 * round + 1)
    const pieceSize = (): number => (pieces(3) === 0 ? 1 + pieces(20) : 100 + pieces(2000))
    await using proxy = await choppingProxy(url, pieceSize)
    expect(await run(await openLane(proxy.url, 'bytes'), 1_000, random)).toBe(1_000)
  }
}, 240_000)

it(`agrees with the model for 3,000 random steps of the messages of pg (seed ${seed})`, async () => {
  const laned = await openLane(url, 'messages')
  expect(await run(laned, 3_000, randomFrom(seed))).toBe(3_000)
}, 240_000)
