import { describe, expect, it } from 'vitest'
import { testDatabase } from '../../../support/database.ts'
import { coded } from '../../../support/failure.ts'
import { WireProxy } from '../../../support/wire-proxy.ts'
import { feeds, openLane, rowsOf, send } from './lanes.ts'

const { url, query } = await testDatabase()
await query(
  `create table item (n int primary key, parent int references item deferrable initially deferred)`,
)

const large = 'x'.repeat(2 ** 24)
const orphan = { text: 'insert into item values ($1, 0)', parameters: ['1'] }
const stored = async (): Promise<unknown> =>
  (await query('select n from item order by n')).map((row) => row['n'])

describe.each(feeds)('an exchange that reads %s', (feed) => {
  it('has every field of an error', async () => {
    const { lane } = await openLane(url, feed)
    const { failure } = await send(
      lane,
      `do $$ begin
      raise 'bad' using errcode = '23505', detail = 'the detail', hint = 'the hint', column = 'c',
        constraint = 'k', datatype = 'd', table = 't', schema = 's';
    end $$`,
    )
    expect(failure?.error).toBeInstanceOf(Error)
    expect(failure?.error).toMatchObject({
      message: 'bad',
      name: 'error',
      severity: 'ERROR',
      code: '23505',
      detail: 'the detail',
      hint: 'the hint',
      position: undefined,
      internalPosition: undefined,
      internalQuery: undefined,
      where: expect.stringContaining('PL/pgSQL'),
      schema: 's',
      table: 't',
      column: 'c',
      dataType: 'd',
      constraint: 'k',
      file: 'pl_exec.c',
      line: expect.any(String),
      routine: 'exec_stmt_raise',
    })
  })

  it('is no success if a deferred constraint fails behind all statements', async () => {
    const { lane } = await openLane(url, feed)
    const { failure, results } = await send(lane, orphan)
    expect(results[0]).toMatchObject({ tag: 'INSERT' })
    expect(failure).toMatchObject({ error: { code: '23503' }, part: undefined, isLost: false })
    expect(lane.isInTransaction).toBe(false)
    expect(await stored()).toEqual([])
  })

  it('fails at COMMIT if a deferred constraint fails there', async () => {
    const { lane } = await openLane(url, feed)
    const { failure, results } = await send(lane, 'begin', orphan, 'commit')
    expect(results.map(({ tag }) => tag)).toEqual(['BEGIN', 'INSERT', undefined])
    expect(failure).toMatchObject({ error: { code: '23503' }, part: 2, isLost: false })
    expect(lane.isInTransaction).toBe(false)
    expect(await stored()).toEqual([])
  })

  it('skips COMMIT if a statement before it fails', async () => {
    const { lane } = await openLane(url, feed)
    const { failure } = await send(
      lane,
      'begin',
      'insert into item values (5)',
      'nonsense',
      'commit',
    )
    expect(failure).toMatchObject({ error: { code: '42601' }, part: 2, isLost: false })
    expect(lane.isInTransaction).toBe(true)
    expect(await stored()).toEqual([])
    await send(lane, 'rollback')
    expect(lane.isInTransaction).toBe(false)
  })

  it('loses the connection if the server ends it', async () => {
    const { lane } = await openLane(url, feed)
    const { failure } = await send(
      lane,
      'select 1',
      'select pg_terminate_backend(pg_backend_pid())',
    )
    expect(failure).toMatchObject({ error: { code: '57P01' }, part: undefined, isLost: true })
    const next = await send(lane, 'select 1')
    expect(next.failure).toMatchObject({ error: expect.any(Error), part: undefined, isLost: true })
  })

  it.each(['fin', 'rst'] as const)(
    'loses the connection if the network cuts it (%s)',
    async (how) => {
      await using proxy = await WireProxy.to(url)
      const { lane } = await openLane(proxy.url, feed)
      const seen = proxy.before('toServer', 'pg_sleep', (wire) => wire.cut(how))
      const { failure } = await send(lane, 'select 1', 'select pg_sleep(60)')
      await seen
      expect(failure).toMatchObject({ error: expect.any(Error), part: undefined, isLost: true })
    },
  )

  it('loses the connection if an answer breaks off', async () => {
    await using proxy = await WireProxy.to(url)
    const { lane } = await openLane(proxy.url, feed)
    const seen = proxy.before('toClient', 'needle', (wire) => {
      wire.drop('toServer')
      setImmediate(() => wire.cut('fin'))
    })
    const { failure } = await send(
      lane,
      `select 'needle', pg_sleep(.2)`,
      `select repeat('x', 100000)`,
      'select pg_sleep(60)',
    )
    await seen
    expect(failure).toMatchObject({ error: expect.any(Error), isLost: true })
  })

  it('fails with what a row callback throws, and goes on', async () => {
    const { lane } = await openLane(url, feed)
    const error = new Error('of the caller')
    let count = 0
    const row = (): void => {
      count += 1
      if (count === 2) throw error
    }
    const { failure, results } = await send(
      lane,
      'select 1',
      { text: 'select generate_series(1, 9)', row },
      'select 3',
    )
    expect(failure).toEqual({ error, part: 1, isLost: false })
    expect(failure?.error).toBe(error)
    expect(results.map(({ tag }) => tag)).toEqual(['SELECT', undefined, undefined])
    expect(count).toBe(2)
    expect(await rowsOf(lane, 'select 4')).toEqual([['4']])
  })

  it.each(['completed', 'described'] as const)(
    'fails with what %s throws, and goes on',
    async (name) => {
      const { lane } = await openLane(url, feed)
      const fail = (): void => {
        throw new Error('of the caller')
      }
      const { failure } = await send(
        lane,
        'select 1',
        { text: 'select 2', [name]: fail },
        'select 3',
      )
      expect(failure).toMatchObject({ error: { message: 'of the caller' }, part: 1, isLost: false })
      expect(await rowsOf(lane, 'select 4')).toEqual([['4']])
    },
  )

  it.each([
    ['the last statement', ['select 1', 'copy item from stdin'], false],
    ['in a transaction', ['begin', 'copy item from stdin'], false],
    ['between others', ['select 1', 'copy item from stdin', 'select 2'], true],
    ['to the client', ['select 1', 'copy (select generate_series(1, 5)) to stdout'], false],
  ])('refuses COPY (%s)', async (_, statements, isLost) => {
    const { lane } = await openLane(url, feed)
    const { failure } = await send(lane, ...statements)
    expect(failure).toMatchObject({ isLost, part: isLost ? undefined : 1 })
    expect(failure?.error).toEqual(coded('DATA_BRIDGE_ERR_STATEMENT', 'COPY'))
    if (isLost) return
    await send(lane, 'rollback')
    expect(await rowsOf(lane, 'select 4')).toEqual([['4']])
  })

  it('answers at once when query_timeout is over, and swallows what still comes', async () => {
    const { client, lane } = await openLane(url, feed, { query_timeout: 200 })
    const late = await send(lane, 'select 1', `select pg_sleep(.6), 'late'`, `select 'later'`)
    expect(late.failure).toMatchObject({
      error: { message: 'Query read timeout' },
      part: undefined,
      isLost: true,
    })
    await expect
      .poll(async () => (await client.query('select 5 as n').catch(() => undefined))?.rows)
      .toEqual([{ n: 5 }])
    expect(await rowsOf(lane, 'select 6')).toEqual([['6']])
    expect(late.results).toEqual([{ rows: [] }, { rows: [] }, { rows: [] }])
  })

  it('lets query_timeout pass by what is done in time', async () => {
    const { lane } = await openLane(url, feed, { query_timeout: 100 })
    expect(await rowsOf(lane, 'select 1')).toEqual([['1']])
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(await rowsOf(lane, 'select 2')).toEqual([['2']])
  })

  it.each([
    ['a statement with U+0000', { text: 'select 1\0' }],
    ['a long name', { text: 'select 1', name: 'n'.repeat(64) }],
    ['a name with U+0000', { text: 'select 1', name: 'a\0b' }],
    [
      'too many parameters',
      { text: 'select 1', parameters: Array.from({ length: 65_536 }, () => '1') },
    ],
    ['a parameter that is no text', { text: 'select $1', parameters: [5 as unknown as string] }],
    ['more than 1 GB', { text: 'select 1', parameters: Array.from({ length: 70 }, () => large) }],
  ])('sends nothing if it cannot be written: %s', async (_, part) => {
    const { lane } = await openLane(url, feed)
    const { failure } = await send(lane, { text: 'insert into item values (7)' }, part)
    expect(failure).toMatchObject({ part: undefined, isLost: false })
    expect(failure?.error).toEqual(coded('DATA_BRIDGE_ERR_STATEMENT', 'Expected'))
    expect(await rowsOf(lane, 'select 4')).toEqual([['4']])
    expect(await stored()).toEqual([])
  })

  it('fails on a client that has ended', async () => {
    const { client, lane } = await openLane(url, feed)
    await client.end()
    const { failure } = await send(lane, 'select 1')
    expect(failure).toMatchObject({ error: expect.any(Error), part: undefined, isLost: true })
  })

  it('fails if the client is ended meanwhile', async () => {
    const { client, lane } = await openLane(url, feed)
    const sent = send(lane, 'select pg_sleep(60)')
    await client.end()
    expect((await sent).failure).toMatchObject({ error: expect.any(Error), isLost: true })
  })
})

it('runs on clients of our own with pipeline, which is off there', async () => {
  const { client, lane } = await openLane(url, 'bytes', { pipeline: true })
  expect(await rowsOf(lane, 'select 1')).toEqual([['1']])
  expect((await client.query('select 2 as n')).rows).toEqual([{ n: 2 }])
})
