import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { testDatabase } from '../../../support/database.ts'
import { feeds, openLane, rowsOf, send } from './lanes.ts'

const { url, query } = await testDatabase()

const notice = `do $$ begin raise notice 'noted'; end $$`

describe.each(feeds)('a lane that reads %s', (feed) => {
  it('passes notices and notifications on to pg, in the middle of an exchange', async () => {
    const { client, lane } = await openLane(url, feed)
    const seen: unknown[] = []
    client.on('notice', ({ message }) => seen.push(message))
    client.on('notification', ({ channel, payload }) => seen.push([channel, payload]))
    await send(lane, 'listen news')
    const { failure, results } = await send(
      lane,
      'select generate_series(1, 3)',
      notice,
      `select pg_notify('news', 'first')`,
      `set local timezone to 'Europe/Paris'`,
      'select 2',
      notice,
    )
    expect(failure).toBeUndefined()
    expect(results.map(({ rows }) => rows.length)).toEqual([3, 0, 1, 0, 1, 0])
    await query(`select pg_notify('news', 'second')`)
    await expect.poll(() => seen).toHaveLength(4)
    expect(seen).toEqual(['noted', 'noted', ['news', 'first'], ['news', 'second']])
  })

  it('passes notifications on while nothing runs, between its exchanges', async () => {
    const { client, lane } = await openLane(url, feed)
    const seen: unknown[] = []
    client.on('notification', ({ payload }) => seen.push(payload))
    await client.query('listen news')
    for (let time = 0; time < 5; time += 1) {
      await query(`select pg_notify('news', repeat($1, 7000))`, [String(time)])
      expect(await rowsOf(lane, 'select 1')).toEqual([['1']])
    }
    await expect.poll(() => seen).toEqual([0, 1, 2, 3, 4].map((time) => String(time).repeat(7000)))
  })
})

it('goes on if a listener throws, and does not hide what it throws', async () => {
  const { client, lane } = await openLane(url, 'bytes')
  const uncaught: unknown[] = []
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => uncaught.push(error))
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException')
    for (const other of others) process.on('uncaughtException', other)
  })
  const error = new Error('of a listener')
  client.on('notice', () => {
    throw error
  })
  const { failure, results } = await send(lane, 'select 1', notice, 'select 2', notice)
  expect(failure).toBeUndefined()
  expect(results.map(({ rows }) => rows)).toEqual([[['1']], [], [['2']], []])
  await client.query(notice)
  expect((await client.query('select 3 as n')).rows).toEqual([{ n: 3 }])
  expect(await rowsOf(lane, 'select 4')).toEqual([['4']])
  await vi.waitFor(() => expect(uncaught).toEqual([error, error, error]))
})
