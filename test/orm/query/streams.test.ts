import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import {
  belongsTo,
  Database,
  hasMany,
  integer,
  joinedload,
  selectinload,
  sql,
  table,
  text,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

class Owner extends table('owners', {
  id: integer().primaryKey(),
  name: text(),
  things: () => hasMany(Thing, 'ownerId'),
}) {}

class Thing extends table('things', {
  id: integer().primaryKey(),
  note: text(),
  ownerId: integer().references(() => Owner),
  owner: () => belongsTo(Owner, 'ownerId'),
}) {}

const { database, query, url } = await testDatabase([Owner, Thing])
const rows = 100_000

beforeAll(async () => {
  await query(`insert into owners select n, 'owner ' || n from generate_series(1, 100) n`)
  await query(`insert into things (id, note, owner_id)
    select n, repeat('note ' || n, 10), n % 100 + 1 from generate_series(1, ${rows}) n`)
})

const inOrder = (from: Database = database) =>
  from
    .session()
    .find(Thing)
    .orderBy((row) => row.id.asc())

async function first<T>(stream: AsyncIterable<T>, most: number): Promise<T[]> {
  const found: T[] = []
  for await (const each of stream) if (found.push(each) === most) break
  return found
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function heapUsed(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

describe('a stream', () => {
  it('gives every row, in the order of the query, in bounded memory', async () => {
    await using session = database.session()
    const before = heapUsed()
    let most = 0
    let expected = 0
    for await (const thing of session
      .find(Thing)
      .orderBy((row) => row.id.asc())
      .stream()) {
      expected += 1
      if (thing.id !== expected) throw new Error(`expected ${expected}, got ${thing.id}`)
      if (expected % 10_000 === 0) most = Math.max(most, heapUsed() - before)
    }
    expect(expected).toBe(rows)
    expect(most / 1_000_000).toBeLessThan(20)
  })

  it('of plain rows too', async () => {
    await using session = database.session()
    const before = heapUsed()
    const stream = session
      .find(Thing)
      .select((row) => ({ id: row.id, owner: row.owner.name }))
      .stream({ batchSize: 1000 })
    let count = 0
    let most = 0
    for await (const row of stream) {
      expectTypeOf(row).toEqualTypeOf<{ id: number; owner: string }>()
      count += 1
      if (count % 10_000 === 0) most = Math.max(most, heapUsed() - before)
    }
    expect(count).toBe(rows)
    expect(most / 1_000_000).toBeLessThan(20)
  })

  it('loads relations for each batch, also those that a join would load', async () => {
    await using session = database.session()
    const before = session.stats.queryCount
    const stream = session
      .find(Owner)
      .orderBy((row) => row.id.asc())
      .options(joinedload(Owner.things).limit(2).options(selectinload(Thing.owner)))
      .stream({ batchSize: 40 })
    const counts: number[] = []
    for await (const owner of stream) counts.push(owner.things.value.length)
    expect(counts).toEqual(Array.from({ length: 100 }, () => 2))
    // DECLARE, three batches of one FETCH and one loader each, CLOSE: the owners are held meanwhile.
    expect(session.stats.queryCount - before).toBe(1 + 3 * 2 + 1)
  })

  it('leaves room for other work of the session', async () => {
    await using session = database.session()
    let count = 0
    for await (const owner of session.find(Owner).stream({ batchSize: 7 })) {
      const things = await session.find(Thing).filter({ ownerId: owner.id }).limit(1).toList()
      count += things.length
    }
    expect(count).toBe(100)
  })

  it('is read by several at once', async () => {
    await using session = database.session()
    const ids = async (): Promise<number[]> => {
      const found: number[] = []
      for await (const { id } of session.find(Owner).stream({ batchSize: 9 })) found.push(id)
      return found.toSorted((one, other) => one - other)
    }
    const [one, other] = await Promise.all([ids(), ids()])
    expect(one).toEqual(other)
    expect(one).toHaveLength(100)
  })

  it('refuses a batch that is no size', () => {
    for (const batchSize of [0, -1, 1.5, Number.NaN, '5', 1e9])
      expect(() => inOrder().stream({ batchSize: batchSize as number })).toThrow(
        coded('DATA_BRIDGE_ERR_OPTION', 'batchSize expected an integer from 1'),
      )
    expect(() => inOrder().stream({ size: 1 } as never)).toThrow(
      coded('DATA_BRIDGE_ERR_OPTION', 'size'),
    )
  })
})

describe('the session', () => {
  it('lets go of what has passed, and keeps what was changed', async () => {
    const session = database.session()
    const found: Thing[] = []
    for await (const thing of session
      .find(Thing)
      .orderBy((row) => row.id.asc())
      .limit(60)
      .stream({ batchSize: 20 })) {
      found.push(thing)
      if (thing.id % 10 === 3) thing.note = 'changed'
    }
    await session.commit()
    await session.close()
    expect(await inOrder().filter({ note: 'changed' }).count()).toBe(6)
    await query(`update things set note = 'as before' where note = 'changed'`)
  })

  it('keeps what something else has given meanwhile', async () => {
    const session = database.session()
    const kept: Thing[] = []
    for await (const thing of session
      .find(Thing)
      .orderBy((row) => row.id.asc())
      .limit(60)
      .stream({ batchSize: 20 })) {
      if (thing.id % 20 === 1) kept.push((await session.get(Thing, thing.id)) as Thing)
      if (thing.id % 20 === 2) kept.push(await session.find(Thing).filter({ id: thing.id }).one())
    }
    for (const thing of kept) thing.note = 'kept'
    await session.commit()
    expect(await session.find(Thing).filter({ note: 'kept' }).count()).toBe(6)
    await session.close()
  })

  it('writes new rows that refer to what has passed', async () => {
    const session = database.session()
    for await (const owner of session.find(Owner).stream({ batchSize: 10 }))
      if (owner.id % 25 === 0) session.add(new Thing({ id: rows + owner.id, note: 'new', owner }))
    await session.commit()
    expect(await session.find(Thing).filter({ note: 'new' }).count()).toBe(4)
    await session.close()
    await query(`delete from things where note = 'new'`)
  })

  it('holds its own entities as before', async () => {
    await using session = database.session()
    const owners = session.find(Owner).orderBy((row) => row.id.asc())
    const held = await owners.limit(5).toList()
    const again: Owner[] = []
    for await (const owner of owners.stream({ batchSize: 3 })) if (owner.id <= 5) again.push(owner)
    expect(again).toHaveLength(5)
    expect(again.every((owner, index) => owner === held[index])).toBe(true)
    expect(await session.get(Owner, 1)).toBe(held[0])
  })
})

describe('the connection of a stream', () => {
  const one = () => new Database({ connectionString: url, max: 1, timeouts: { acquire: 2000 } })

  it('is free after the end of the session, if the stream is left, abandoned or fails', async () => {
    await using small = one()
    const left = small.session()
    expect(await first(left.find(Thing).stream(), 3)).toHaveLength(3)
    await left.close()
    const abandoned = small.session()
    const iterator = abandoned.find(Thing).stream()[Symbol.asyncIterator]()
    await iterator.next()
    await abandoned.close()
    await expect(first(iterator, rows)).rejects.toThrow(coded('DATA_BRIDGE_ERR_TRANSACTION'))
    const failing = small.session()
    const broken = failing.find(Thing).filter((row) => sql`1 / (${row.id} - 1200) < 5`)
    await expect(first(broken.orderBy((row) => row.id.asc()).stream(), rows)).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_INVALID_VALUE'),
    )
    await failing.close()
    expect(await small.run((session) => session.find(Owner).count())).toBe(100)
  })

  it('is free for the session when an error is thrown into the stream', async () => {
    await using session = database.session()
    const stream = session.find(Thing).stream({ batchSize: 2 })
    await stream.next()
    await expect(stream.throw(new Error('thrown into it'))).rejects.toThrow('thrown into it')
    expect(await session.execute(sql`select name from pg_cursors`)).toEqual([])
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  it('is free after an abort in the middle', async () => {
    await using small = one()
    const controller = new AbortController()
    const session = small.session({ signal: controller.signal })
    const reading = first(session.find(Thing).stream({ batchSize: 10 }), rows)
    await turn()
    controller.abort()
    await expect(reading).rejects.toThrow(coded('DATA_BRIDGE_ERR_ABORTED'))
    await session.close()
    expect(await small.run((other) => other.find(Owner).count())).toBe(100)
  })

  it('outlives savepoints in the loop, and ends with the one that it began in', async () => {
    await using session = database.session()
    const failed = async (work: () => Promise<unknown>) => {
      const failing = session.transaction(async () => {
        await work()
        throw new Error('given up')
      })
      await expect(failing).rejects.toThrow('given up')
    }
    session.add(new Owner({ id: 1000, name: 'kept' }))
    await session.flush()
    const outer = session.find(Thing).stream({ batchSize: 2 })
    const inner = session.find(Thing).stream({ batchSize: 1 })
    const left = session.find(Thing).stream({ batchSize: 2 })
    await outer.next()
    await failed(async () => {
      await inner.next()
      await left.next()
    })
    expect(await first(outer, 4)).toHaveLength(4)
    await expect(inner.next()).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_TRANSACTION', 'stream() expected the transaction that it began in'),
    )
    await left.return()
    expect(await session.get(Owner, 1000)).toMatchObject({ name: 'kept' })
    await session.rollback()
  })

  it('ends the stream with the transaction, and says so', async () => {
    await using session = database.session()
    const iterator = session.find(Thing).stream({ batchSize: 2 })
    await iterator.next()
    await session.commit()
    await iterator.next()
    await expect(iterator.next()).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_TRANSACTION', 'stream() expected the transaction that it began in'),
    )
    expect(await session.find(Owner).count()).toBe(100)
  })
})
