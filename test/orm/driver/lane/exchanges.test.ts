import { type Duplex, PassThrough } from 'node:stream'
import pg, { type PoolClient } from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Client } from '../../../../orm/driver/client.ts'
import { Lane } from '../../../../orm/driver/lane/lane.ts'
import { testDatabase } from '../../../support/database.ts'
import { feeds, openLane, rowsOf, send } from './lanes.ts'

const { url } = await testDatabase()

describe.each(feeds)('an exchange that reads %s', (feed) => {
  it('reads what it is meant to read', async () => {
    const { lane } = await openLane(url, feed)
    expect(lane.readsBytes).toBe(feed === 'bytes')
  })

  it('gives the rows of a statement, once and again', async () => {
    const { lane } = await openLane(url, feed)
    const part = {
      text: 'select n, $1::text, null from generate_series(1, 3) n',
      name: 'series',
      parameters: ['tëxt'],
    }
    for (let time = 0; time < 3; time += 1) {
      const { failure, results } = await send(lane, part)
      expect(failure).toBeUndefined()
      expect(results).toEqual([
        {
          rows: [
            ['1', 'tëxt', null],
            ['2', 'tëxt', null],
            ['3', 'tëxt', null],
          ],
          tag: 'SELECT',
          rowCount: 3,
          typeIds: [23, 25, 25],
        },
      ])
    }
  })

  it('runs statements in order, with and without names', async () => {
    const { lane } = await openLane(url, feed)
    const insert = { text: 'insert into t values ($1)', name: 'insert', parameters: ['1'] }
    const { failure, results } = await send(
      lane,
      'begin',
      'create temp table t (n int) on commit drop',
      insert,
      { ...insert, parameters: ['2'] },
      'select sum(n) from t',
      'commit',
    )
    expect(failure).toBeUndefined()
    expect(results.map(({ tag, rowCount }) => [tag, rowCount])).toEqual([
      ['BEGIN', 0],
      ['CREATE TABLE', 0],
      ['INSERT', 1],
      ['INSERT', 1],
      ['SELECT', 1],
      ['COMMIT', 0],
    ])
    expect(results[4]!.rows).toEqual([['3']])
    expect(lane.isInTransaction).toBe(false)
  })

  it.each([0, 1, 2])('tells that statement %i was refused, and goes on', async (bad) => {
    const { lane } = await openLane(url, feed)
    const parts = ['select 1', 'select 2', 'select 3'].map((text, at) =>
      at === bad ? { text: `${text} / 0`, name: 'bad' } : { text, name: `good${at}` },
    )
    for (let time = 0; time < 2; time += 1) {
      const { failure, results } = await send(lane, ...parts)
      expect(failure).toMatchObject({ error: { code: '22012' }, part: bad, isLost: false })
      expect(results.map(({ tag }) => tag)).toEqual(
        parts.map((_, at) => (at < bad ? 'SELECT' : undefined)),
      )
    }
    expect(await rowsOf(lane, { text: 'select 3', name: 'good2' })).toEqual([['3']])
  })

  it('keeps the status of the transaction', async () => {
    const { client, lane } = await openLane(url, feed)
    expect(lane.isInTransaction).toBe(false)
    expect(await send(lane, 'begin')).toMatchObject({ isInTransaction: true })
    expect(lane.isInTransaction).toBe(true)
    expect(await send(lane, 'select 1 / 0')).toMatchObject({
      failure: { part: 0 },
      isInTransaction: true,
    })
    expect(await send(lane, 'commit')).toMatchObject({
      results: [{ tag: 'ROLLBACK' }],
      isInTransaction: false,
    })
    expect(lane.isInTransaction).toBe(false)
    await client.query('begin')
    expect(lane.isInTransaction).toBe(true)
  })
})

class OddConnection extends pg.Connection {
  attachListeners(stream: Duplex): void {
    const usual = pg.Connection.prototype as unknown as { attachListeners(stream: Duplex): void }
    usual.attachListeners.call(this, stream.pipe(new PassThrough()))
  }
}

it('reads the messages of pg where pg reads the stream in a way of its own', async () => {
  const client = new Client({ connectionString: url, connection: new OddConnection() } as never)
  await client.connect()
  onTestFinished(() => client.end())
  const lane = Lane.of(client as unknown as PoolClient)
  expect(lane.readsBytes).toBe(false)
  for (let time = 0; time < 2; time += 1)
    expect(await rowsOf(lane, { text: 'select 1', name: 'one' })).toEqual([['1']])
  expect((await client.query('select 2 as n')).rows).toEqual([{ n: 2 }])
})
