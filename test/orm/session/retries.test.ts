import { beforeEach, describe, expect, it } from 'vitest'
import { DataBridgeError, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'
import { expectIdle } from '../../plugin/serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
await query(`
  create function refuse(state text) returns void language plpgsql as $$
    begin raise exception using errcode = state; end $$`)
beforeEach(async () => {
  await stored.truncate()
  await query(`insert into users (name, email, age) values ('ann', 'a', 0), ('bob', 'b', 0)`)
})

const ages = async (): Promise<unknown[]> =>
  (await query<{ age: number }>('select age from users order by id')).map(({ age }) => age)

/** Lets as many through as come, but no first of them before the last has come; once. */
function meeting(parties: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let come = 0
  return async () => {
    come += 1
    if (come === parties) resolve()
    await promise
  }
}

/** Two transactions that both read before either writes: PostgreSQL lets one of them commit. */
function conflicting(retries: number): Promise<PromiseSettledResult<number>[]> {
  const met = meeting(2)
  const work = async (): Promise<number> => {
    let attempts = 0
    await database.transaction(
      async (session) => {
        attempts += 1
        const ann = await session.get(User, 1)
        await met()
        if (ann !== null) ann.age = (ann.age ?? 0) + 1
      },
      { isolation: 'serializable', retries },
    )
    return attempts
  }
  return Promise.allSettled([work(), work()])
}

/** Two transactions that each want what the other has. */
function deadlocked(retries: number): Promise<PromiseSettledResult<number>[]> {
  const met = meeting(2)
  const work = async (first: number, second: number): Promise<number> => {
    let attempts = 0
    await database.transaction(
      async (session) => {
        attempts += 1
        await session.execute(sql`set local deadlock_timeout = '20ms'`)
        await session.execute(sql`update users set age = age + 1 where id = ${first}`)
        await met()
        await session.execute(sql`update users set age = age + 1 where id = ${second}`)
      },
      { retries },
    )
    return attempts
  }
  return Promise.allSettled([work(1, 2), work(2, 1)])
}

const kinds = [
  { name: 'serialize', collide: conflicting, code: 'DATA_BRIDGE_ERR_SERIALIZATION', after: [2, 0] },
  { name: 'deadlock', collide: deadlocked, code: 'DATA_BRIDGE_ERR_DEADLOCK', after: [2, 2] },
]

describe.each(kinds)('two transactions that cannot both be: $name', ({ collide, code, after }) => {
  it('one of them fails, and says that it may be tried again', async () => {
    const ends = await collide(0)
    const failed = ends.filter((end) => end.status === 'rejected')
    expect(failed.map(({ reason }) => reason as unknown)).toEqual([
      expect.objectContaining({ code, retryable: true, statusCode: 503 }),
    ])
    expect(await ages()).toEqual(after.map((age) => age / 2))
    await expectIdle(database, query)
  })

  it('both succeed with retries, each of them once', async () => {
    const ends = await collide(5)
    const attempts = ends.map((end) => (end.status === 'fulfilled' ? end.value : end.reason))
    expect(new Set(attempts)).toEqual(new Set([1, 2]))
    expect(await ages()).toEqual(after)
    await expectIdle(database, query)
  })
})

/** Work that PostgreSQL refuses as often as this says, by itself. */
function refusedTimes(times: number, state = '40001') {
  const attempts: Session[] = []
  const seen: User[] = []
  const work = async (session: Session): Promise<string> => {
    attempts.push(session)
    const ann = await session.get(User, 1)
    if (ann === null) throw new Error('ann is gone')
    seen.push(ann)
    ann.age = (ann.age ?? 0) + 1
    await session.flush()
    if (attempts.length <= times) await session.execute(sql`select refuse(${state})`)
    return 'fine'
  }
  return { attempts, seen, work }
}

describe('retries', () => {
  it('calls the function again until it succeeds, in one session, with entities of its own', async () => {
    const { attempts, seen, work } = refusedTimes(2)
    expect(await database.transaction(work, { retries: 2 })).toBe('fine')
    expect(attempts).toHaveLength(3)
    expect(new Set(attempts).size).toBe(1)
    expect(new Set(seen).size).toBe(3)
    // What an attempt has read and changed is not that of the next.
    expect(seen.map(({ age }) => age)).toEqual([1, 1, 1])
    expect(await ages()).toEqual([1, 0])
  })

  it('leaves the entities of an attempt that failed detached', async () => {
    const { seen, work } = refusedTimes(1)
    await database.transaction(
      async (session) => {
        const result = await work(session)
        const [first] = seen
        await expect(session.refresh(first as User)).rejects.toThrow(
          coded('DATA_BRIDGE_ERR_DETACHED'),
        )
        return result
      },
      { retries: 1 },
    )
  })

  it('fails with the last error when they are used up', async () => {
    const { attempts, work } = refusedTimes(9)
    await failure('DATA_BRIDGE_ERR_SERIALIZATION', database.transaction(work, { retries: 2 }))
    expect(attempts).toHaveLength(3)
    expect(await ages()).toEqual([0, 0])
    await expectIdle(database, query)
  })

  it('are for conflicts alone: any other error is that of the transaction', async () => {
    const { attempts, work } = refusedTimes(1, '23514')
    await failure('DATA_BRIDGE_ERR_CHECK', database.transaction(work, { retries: 5 }))
    expect(attempts).toHaveLength(1)
    let calls = 0
    const boom = new Error('boom')
    const throwing = (): never => {
      calls += 1
      throw boom
    }
    await expect(database.transaction(throwing, { retries: 5 })).rejects.toBe(boom)
    expect(calls).toBe(1)
  })

  it('are for conflicts that COMMIT alone finds, too', async () => {
    await query(`
      create function conflict() returns trigger language plpgsql as $$
        begin perform refuse('40001'); return null; end $$`)
    await query(`
      create constraint trigger conflict after insert on users deferrable initially deferred
      for each row when (new.name = 'conflict') execute function conflict()`)
    let attempts = 0
    await database.transaction(
      (session) => {
        attempts += 1
        session.add(user(attempts === 1 ? 'conflict' : 'fine'))
      },
      { retries: 1 },
    )
    expect(attempts).toBe(2)
    expect(await query(`select name from users where id > 2`)).toEqual([{ name: 'fine' }])
  })

  it('end when the session does', async () => {
    const leaving = new AbortController()
    await using session = database.session({ signal: leaving.signal })
    let attempts = 0
    const work = async (): Promise<void> => {
      attempts += 1
      if (attempts === 2) leaving.abort()
      throw new DataBridgeError('DATA_BRIDGE_ERR_SERIALIZATION', 'once more')
    }
    await expect(session.transaction(work, { retries: 9 })).rejects.toThrow(DataBridgeError)
    expect(attempts).toBe(2)
    await expectIdle(database, query)
  })
})

describe('retries are refused', () => {
  const refused = coded('DATA_BRIDGE_ERR_TRANSACTION', 'retries expected a new transaction')
  const never = (): never => {
    throw new Error('it was called')
  }

  it('in a session that someone else commits', async () => {
    await database.run(async (session) => {
      await expect(session.transaction(never, { retries: 1 })).rejects.toThrow(refused)
    })
  })

  it('within another transaction', async () => {
    await database.transaction(async (session) => {
      await expect(session.transaction(never, { retries: 1 })).rejects.toThrow(refused)
    })
  })

  it('with changes that are not committed: they could not be made again', async () => {
    await using session = database.session()
    session.add(user('eve'))
    await expect(session.transaction(never, { retries: 1 })).rejects.toThrow(refused)
    await session.flush()
    await expect(session.transaction(never, { retries: 1 })).rejects.toThrow(refused)
    await session.rollback()
    expect(await session.transaction(() => 'fine', { retries: 1 })).toBe('fine')
  })

  it.each([-1, 1.5, Number.NaN, '3'])('where they are no number of times: %j', async (retries) => {
    await expect(database.transaction(never, { retries: retries as number })).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_OPTION', 'retries expected a whole number from 0'),
    )
  })
})
