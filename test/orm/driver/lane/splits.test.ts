import { Duplex } from 'node:stream'
import type pg from 'pg'
import { expect, it } from 'vitest'
import { Client } from '../../../../orm/driver/client.ts'
import { Lane } from '../../../../orm/driver/lane/lane.ts'
import { testDatabase } from '../../../support/database.ts'
import { binaries, decoderOf, text } from './decoders.ts'
import { openLane, type Outcome, send } from './lanes.ts'

const { url } = await testDatabase()

const int4 = binaries[1]!
const decoder = decoderOf(int4, text, int4)
const rows = {
  text: `select n, repeat('é', n), null::int from generate_series(1, 4) n`,
  name: 'rows',
  decoder,
}
const notice = `do $$ begin raise notice 'noted'; perform pg_notify('news', 'told'); end $$`

/** What happens on the connection, in order: exchanges of the lane and queries of `pg`. */
const script = [
  (lane: Lane) => send(lane, 'listen news', rows, notice),
  (_: Lane, client: pg.Client) => client.query(`select 1 as n; select 2 as n`).then(simple),
  (lane: Lane) => send(lane, rows, { text: 'select 1 / 0', name: 'bad' }, 'select 3'),
  (_: Lane, client: pg.Client) =>
    client.query('nonsense').catch(({ code }: { code: string }) => code),
  (lane: Lane) => send(lane, notice, '', 'begin', rows),
  (lane: Lane) => send(lane, 'select 5', 'commit'),
] as const

function simple(results: unknown): unknown {
  return (results as pg.QueryResult[]).map((result) => result.rows)
}

interface Play {
  readonly outcomes: readonly unknown[]
  readonly heard: readonly unknown[]
}

function laneOf(client: pg.Client): Lane {
  return Lane.of(client as unknown as pg.PoolClient)
}

async function play(client: pg.Client): Promise<Play> {
  const heard: unknown[] = []
  client.on('notice', ({ message }) => heard.push(message))
  client.on('notification', ({ payload }) => heard.push(payload))
  const lane = laneOf(client)
  expect(lane.readsBytes).toBe(true)
  const outcomes: unknown[] = []
  for (const step of script) outcomes.push(plain(await step(lane, client)))
  return { outcomes, heard }
}

function plain(outcome: unknown): unknown {
  const { failure, results } = (outcome ?? {}) as Partial<Outcome>
  if (results === undefined) return outcome
  return { results, failure: failure && { ...failure, error: { ...(failure.error as object) } } }
}

/** Plays a recorded server: each write gets the next answer, in pieces. */
class Replay extends Duplex {
  readonly #answers: Buffer[]
  readonly #cut: (answer: Buffer) => readonly Buffer[]

  constructor(answers: readonly Buffer[], cut: (answer: Buffer) => readonly Buffer[]) {
    super()
    this.#answers = [...answers]
    this.#cut = cut
  }

  connect(): void {
    process.nextTick(() => this.emit('connect'))
  }

  setNoDelay(): void {}

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done()
    const answer = this.#answers.shift()
    if (answer === undefined) return
    setImmediate(() => {
      // Copies, since the parser of `pg` writes into what it gets.
      for (const piece of this.#cut(answer)) this.emit('data', Buffer.from(piece))
    })
  }
}

// AuthenticationOk and ReadyForQuery.
const welcome = Buffer.from('R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I', 'latin1')

async function replay(
  answers: readonly Buffer[],
  cut: (answer: Buffer, at: number) => readonly Buffer[],
): Promise<Play> {
  let at = -1
  const stream = new Replay([welcome, ...answers], (answer) => cut(answer, (at += 1)))
  const client = new Client({ host: 'replay', user: 'replay', stream: () => stream })
  await client.connect()
  return play(client)
}

/** The answers of a real server, one for each write. */
async function record(): Promise<{ readonly answers: readonly Buffer[]; readonly played: Play }> {
  const { client } = await openLane(url, 'bytes')
  const { stream } = client.connection
  const answers: Buffer[][] = []
  const write = stream.write.bind(stream) as (chunk: Buffer) => boolean
  stream.write = (chunk: Buffer) => {
    answers.push([])
    return write(chunk)
  }
  // Before the lane hears of it and writes again.
  stream.prependListener('data', (chunk: Buffer) => answers.at(-1)!.push(Buffer.from(chunk)))
  const played = await play(client)
  return { answers: answers.map((chunks) => Buffer.concat(chunks)), played }
}

it('reads the same wherever what is received is split', async () => {
  const { answers, played } = await record()
  expect(answers).toHaveLength(script.length)
  expect(played.heard).toEqual(['noted', 'told', 'noted', 'told'])
  expect(await replay(answers, (answer) => [answer])).toEqual(played)

  const whole = [welcome, ...answers]
  let count = 0
  for (let index = 0; index < whole.length; index += 1) {
    for (let split = 1; split < whole[index]!.length; split += 1) {
      const cut = (answer: Buffer, at: number): readonly Buffer[] =>
        at === index ? [answer.subarray(0, split), answer.subarray(split)] : [answer]
      expect(await replay(answers, cut), `answer ${index}, byte ${split}`).toEqual(played)
      count += 1
    }
  }
  expect(count).toBeGreaterThan(1000)
})

it.each([2, 5])('loses the connection wherever answer %i ends too early', async (index) => {
  const { answers } = await record()
  const answer = answers[index]!
  for (let length = 0; length < answer.length; length += 1) {
    let at = -1
    const stream = new Replay([welcome, ...answers], (given) => {
      at += 1
      if (at !== index + 1) return [given]
      setImmediate(() => stream.destroy())
      return [given.subarray(0, length)]
    })
    const client = new Client({ host: 'replay', user: 'replay', stream: () => stream })
    client.on('error', () => {})
    await client.connect()
    for (const step of script.slice(0, index)) await step(laneOf(client), client)
    const { failure } = (await script[index]!(laneOf(client), client)) as Outcome
    expect(failure, `after ${length} bytes`).toMatchObject({ part: undefined, isLost: true })
  }
  expect(answer.length).toBeGreaterThan(50)
})

it.each([1, 2, 3, 4, 5, 6, 7, 11, 64])('reads the same in pieces of %i bytes', async (size) => {
  const { answers, played } = await record()
  const cut = (answer: Buffer): readonly Buffer[] =>
    Array.from({ length: Math.ceil(answer.length / size) }, (_, at) =>
      answer.subarray(at * size, (at + 1) * size),
    )
  expect(await replay(answers, cut)).toEqual(played)
})

it.each([
  ['a length that cannot be', Buffer.from('D\0\0\0\x03', 'latin1')],
  ['a negative length', Buffer.from('D\xff\xff\xff\xff', 'latin1')],
  ['a length beyond 1 GB', Buffer.from('D\x7f\xff\xff\xff', 'latin1')],
  ['an unknown message', Buffer.from('~\0\0\0\x04', 'latin1')],
  ['rows of no statement', Buffer.from('C\0\0\0\x0dSELECT 1\0D\0\0\0\x06\0\0', 'latin1')],
  ['too many results', Buffer.from('C\0\0\0\x0dSELECT 1\0C\0\0\0\x0dSELECT 1\0', 'latin1')],
  ['too few results', Buffer.from('Z\0\0\0\x05I', 'latin1')],
])('takes %s as the loss of the connection', async (_, garbage) => {
  for (const size of [1, 2, 100]) {
    const stream = new Replay([welcome, garbage], (answer) =>
      Array.from({ length: Math.ceil(answer.length / size) }, (__, at) =>
        answer.subarray(at * size, (at + 1) * size),
      ),
    )
    const client = new Client({ host: 'replay', user: 'replay', stream: () => stream })
    client.on('error', () => {})
    await client.connect()
    const { failure } = await send(laneOf(client), 'select 1')
    expect(failure).toMatchObject({ part: undefined, isLost: true })
    expect(failure?.error).toMatchObject({ message: expect.stringContaining('Expected') })
  }
})
