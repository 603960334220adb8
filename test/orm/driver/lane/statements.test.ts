import { describe, expect, it } from 'vitest'
import { testDatabase } from '../../../support/database.ts'
import { binaries, decoderOf } from './decoders.ts'
import { feeds, type Laned, openLane, rowsOf, send } from './lanes.ts'

const { url, query } = await testDatabase()
await query('create table item (n int)')

async function prepared({ client }: Laned): Promise<unknown> {
  const { rows } = await client.query<{ name: string }>(
    'select name from pg_prepared_statements order by name',
  )
  return rows.map(({ name }) => name)
}

describe.each(feeds)('prepared statements on a lane that reads %s', (feed) => {
  it('are parsed once', async () => {
    const laned = await openLane(url, feed)
    const part = { text: 'select 1', name: 'once' }
    for (let time = 0; time < 10; time += 1) await rowsOf(laned.lane, part)
    const { rows } = await laned.client.query(
      `select generic_plans + custom_plans as uses from pg_prepared_statements where name = 'once'`,
    )
    expect(rows).toEqual([{ uses: '10' }])
  })

  it('can be used twice in the exchange that parses them', async () => {
    const { lane } = await openLane(url, feed)
    const part = { text: 'select 1', name: 'twice' }
    for (let time = 0; time < 2; time += 1) {
      const { failure, results } = await send(lane, part, part)
      expect(failure).toBeUndefined()
      expect(results.map(({ rows }) => rows)).toEqual([[['1']], [['1']]])
    }
  })

  it('never run the text of another one that has their name', async () => {
    const { lane } = await openLane(url, feed)
    const one = { text: 'select 1', name: 'same' }
    const two = { text: 'select 2', name: 'same' }
    expect(await rowsOf(lane, one)).toEqual([['1']])
    expect(await rowsOf(lane, two)).toEqual([['2']])
    expect(await rowsOf(lane, one)).toEqual([['1']])
    const { failure, results } = await send(lane, two, one, two, two, one)
    expect(failure).toBeUndefined()
    expect(results.map(({ rows }) => rows[0]![0])).toEqual(['2', '1', '2', '2', '1'])
  })

  it('never run the text of another one after a failure either', async () => {
    const { lane } = await openLane(url, feed)
    const one = { text: 'select 1', name: 'same' }
    expect(await rowsOf(lane, one)).toEqual([['1']])
    const { failure } = await send(lane, 'select 1 / 0', { text: 'select 2', name: 'same' })
    expect(failure?.part).toBe(0)
    expect(await rowsOf(lane, one)).toEqual([['1']])
    const again = await send(lane, { text: 'nonsense', name: 'same' })
    expect(again.failure).toMatchObject({ error: { code: '42601' }, part: 0 })
    expect(await rowsOf(lane, one)).toEqual([['1']])
  })

  it.each([
    ['cannot be parsed', 'nonsense', '42601'],
    ['cannot be bound', 'select $1::int', '22P02'],
    ['cannot be executed', 'select 1 / $1::int', '22012'],
  ])('fail with the same error each time if they %s', async (_, text, code) => {
    const { lane } = await openLane(url, feed)
    const part = {
      text,
      name: 'bad',
      parameters: text.includes('$1') ? [code === '22P02' ? 'x' : '0'] : [],
    }
    for (let time = 0; time < 3; time += 1) {
      const { failure } = await send(lane, 'select 1', part, { text: 'select 3', name: 'behind' })
      expect(failure).toMatchObject({ error: { code }, part: 1, isLost: false })
    }
    expect(await rowsOf(lane, { text: 'select 3', name: 'behind' })).toEqual([['3']])
  })

  it('stay when the transaction that parsed them is rolled back', async () => {
    const { lane } = await openLane(url, feed)
    const part = { text: 'select 1', name: 'stays' }
    await send(lane, 'begin', part, 'rollback')
    expect(await rowsOf(lane, part)).toEqual([['1']])
  })

  it('are parsed anew when they were forgotten', async () => {
    const laned = await openLane(url, feed)
    const { lane } = laned
    const part = { text: 'select * from item', name: 'outdated' }
    await rowsOf(lane, part)
    await query('alter table item add column m int')
    const { failure } = await send(lane, part)
    expect(failure).toMatchObject({ error: { code: '0A000' }, part: 0, isLost: false })
    lane.forget('outdated')
    lane.forget('unknown')
    expect((await send(lane, part)).results[0]).toMatchObject({ typeIds: [23, 23] })
    await query('alter table item drop column m')
    lane.forget('outdated')
    expect((await send(lane, part)).results[0]).toMatchObject({ typeIds: [23] })
    expect(await prepared(laned)).toEqual(['outdated'])
  })

  it('are read as texts again when their types may be others', async () => {
    const { lane } = await openLane(url, feed)
    const int4 = binaries.find(({ type }) => type === 'int4')!
    const part = { text: 'select m from altered', name: 'altered', decoder: decoderOf(int4) }
    await query('create table altered (m int)')
    await query('insert into altered values (7)')
    for (let time = 0; time < 2; time += 1) expect(await rowsOf(lane, part)).toEqual([[7]])
    await query('alter table altered alter m type bigint')
    lane.forget('altered')
    for (let time = 0; time < 2; time += 1) expect(await rowsOf(lane, part)).toEqual([[7]])
    await query('drop table altered')
  })

  it('are parsed anew after DISCARD ALL, if they were all forgotten', async () => {
    const laned = await openLane(url, feed)
    const { lane } = laned
    const parts = [
      { text: 'select 1', name: 'one' },
      { text: 'select 2', name: 'two' },
    ]
    await send(lane, ...parts)
    expect(await prepared(laned)).toEqual(['one', 'two'])
    const { failure } = await send(lane, 'discard all')
    expect(failure).toBeUndefined()
    expect((await send(lane, ...parts)).failure).toMatchObject({
      error: { code: '26000' },
      part: 0,
    })
    lane.forgetAll()
    expect((await send(lane, ...parts)).failure).toBeUndefined()
    expect(await prepared(laned)).toEqual(['one', 'two'])
  })

  it('take over a name that the lane does not know of', async () => {
    const { client, lane } = await openLane(url, feed)
    await client.query('prepare taken as select 1')
    const part = { text: 'select 2', name: 'taken' }
    for (let time = 0; time < 2; time += 1) expect(await rowsOf(lane, part)).toEqual([['2']])
  })

  it('live beside those of pg', async () => {
    const { client, lane } = await openLane(url, feed)
    const part = { text: 'select 1 as n', name: 'lane' }
    for (let time = 0; time < 3; time += 1) {
      expect(await rowsOf(lane, part)).toEqual([['1']])
      expect((await client.query({ text: 'select 2 as n', name: 'pg' })).rows).toEqual([{ n: 2 }])
    }
  })
})

describe.each(feeds)('a lane that reads %s', (feed) => {
  it('takes no statements, empty ones, and ones without rows', async () => {
    const { lane } = await openLane(url, feed)
    expect(await send(lane)).toMatchObject({ failure: undefined, results: [] })
    for (let time = 0; time < 2; time += 1) {
      const { failure, results } = await send(
        lane,
        '',
        { text: '', name: 'empty' },
        'set local work_mem = 64',
        {
          text: 'delete from item',
          name: 'delete',
        },
      )
      expect(failure).toBeUndefined()
      expect(results.map(({ tag, rowCount, typeIds }) => [tag, rowCount, typeIds])).toEqual([
        ['', 0, []],
        ['', 0, []],
        ['SET', 0, []],
        ['DELETE', 0, []],
      ])
    }
  })

  it('tells the tag of each command without its counts', async () => {
    const { lane } = await openLane(url, feed)
    const texts = [
      'start transaction',
      'create table made as select generate_series(1, 12)',
      'create table other (a int)',
      'insert into other select generate_series(1, 10)',
      'update other set a = a + 1 where a > 4',
      'declare c cursor for select * from other',
      'fetch 3 from c',
      'move 2 from c',
      'merge into other using (values (1)) v (b) on a = b when matched then delete',
      'rollback to savepoint nothing',
    ]
    const { failure, results } = await send(lane, ...texts)
    expect(failure).toMatchObject({ error: { code: '3B001' }, part: 9 })
    expect(results.map(({ tag, rowCount }) => [tag, rowCount])).toEqual([
      ['START TRANSACTION', 0],
      ['SELECT', 12],
      ['CREATE TABLE', 0],
      ['INSERT', 10],
      ['UPDATE', 6],
      ['DECLARE CURSOR', 0],
      ['FETCH', 3],
      ['MOVE', 2],
      ['MERGE', 1],
      [undefined, undefined],
    ])
    expect(results[6]!.rows).toHaveLength(3)
    await send(lane, 'rollback')
  })

  it('keeps its order with queries of pg that wait before and behind it', async () => {
    const { client, lane } = await openLane(url, feed)
    const order: string[] = []
    const note = (who: string) => (): void => void order.push(who)
    await Promise.all([
      client.query('select pg_sleep(.05)').then(note('pg')),
      send(lane, 'select 1').then(note('lane')),
      client.query('select 2').then(note('pg')),
      send(lane, 'select 1 / 0').then(note('lane')),
      send(lane, 'select 1').then(note('lane')),
      client.query('select 1 / 0').catch(note('pg')),
      send(lane, 'select 1').then(note('lane')),
    ])
    expect(order).toEqual(['pg', 'lane', 'pg', 'lane', 'lane', 'pg', 'lane'])
  })
})
