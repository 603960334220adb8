import { beforeEach, describe, expect, it } from 'vitest'
import { Session, sql } from '../../../orm/index.ts'
import { runCallbacks } from '../../../orm/session/run-callbacks.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'
import { recordWarnings } from '../../support/warnings.ts'

const stored = await testDatabase(blog)
const { database, query, url } = stored
const warned = recordWarnings()

const count = async (): Promise<number> => (await query('select from users')).length

/** What has run, in its order. */
let ran: string[] = []
beforeEach(async () => {
  await stored.truncate()
  ran = []
})
const note = (name: string) => (): void => void ran.push(name)
const closed = coded('DATA_BRIDGE_ERR_SESSION_CLOSED', 'its own callbacks of afterCommit()')

describe('afterCommit(fn)', () => {
  it('runs when PostgreSQL has committed, in order, awaited by commit(), and once', async () => {
    await using session = database.session()
    session.add(user('ann'))
    session.afterCommit(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      ran.push(`stored ${await count()}`)
    })
    session.afterCommit(note('second'))
    await session.flush()
    expect(ran).toEqual([])
    await session.commit()
    expect(ran).toEqual(['stored 1', 'second'])
    await session.commit()
    expect(ran).toHaveLength(2)
  })

  it('runs when there was nothing to commit', async () => {
    await using session = database.session()
    session.afterCommit(note('unused'))
    await session.commit()
    await session.find(User).count()
    session.afterCommit(note('read'))
    await session.commit()
    expect(ran).toEqual(['unused', 'read'])
  })

  it('runs at the end of run(), and of a read-only job', async () => {
    const result = await database.run((session) => {
      session.afterCommit(note('run'))
      session.add(user('ann'))
      return 'result'
    })
    expect(result).toBe('result')
    await database.run((session) => session.afterCommit(note('read-only')), { readOnly: true })
    expect(ran).toEqual(['run', 'read-only'])
  })

  it('runs after transaction(fn) of a session and of a database', async () => {
    await using session = database.session()
    await session.transaction(() => session.afterCommit(note('session')))
    await database.transaction((job) => job.afterCommit(note('database')))
    await session.execute(sql`select 1`)
    await session.transaction(() => session.afterCommit(note('begun')))
    expect(ran).toEqual(['session', 'database', 'begun'])
  })

  it('counts for a session with a connection of its own', async () => {
    await using session = new Session(url)
    session.afterCommit(note('own'))
    await session.commit()
    expect(ran).toEqual(['own'])
  })

  it('waits for the next commit where it is called while COMMIT runs', async () => {
    await using session = database.session()
    session.add(user('ann'))
    session.afterCommit(note('first'))
    const committing = session.commit()
    session.afterCommit(note('next'))
    await committing
    expect(ran).toEqual(['first'])
    await session.commit()
    expect(ran).toEqual(['first', 'next'])
  })

  it('belongs to a commit that waits for earlier work', async () => {
    await using session = database.session()
    session.add(user('ann'))
    const flushing = session.flush()
    const committing = session.commit()
    session.afterCommit(note('waited'))
    await Promise.all([flushing, committing])
    expect(ran).toEqual(['waited'])
    const executing = session.execute(sql`select 1`)
    const again = session.commit()
    session.afterCommit(note('executed'))
    await Promise.all([executing, again])
    expect(ran).toEqual(['waited', 'executed'])
  })

  it.each([undefined, null, 'text', {}, Promise.resolve()])(
    'refuses what is no function at once: %s',
    async (given) => {
      await using session = database.session()
      expect(() => session.afterCommit(given as never)).toThrow(
        coded('DATA_BRIDGE_ERR_TRANSACTION', 'afterCommit() expected a function'),
      )
    },
  )

  it('is refused by a session that is closed', async () => {
    const session = database.session()
    await session.close()
    expect(() => session.afterCommit(note('never'))).toThrow(
      coded('DATA_BRIDGE_ERR_SESSION_CLOSED'),
    )
  })
})

describe('a callback', () => {
  it('that throws is told in a warning, and the others run', async () => {
    await using session = database.session()
    session.add(user('ann'))
    for (const thrown of [new Error('sync'), undefined, Object.create(null) as object])
      session.afterCommit(() => {
        // oxlint-disable-next-line typescript/only-throw-error -- the program may throw anything
        throw thrown
      })
    session.afterCommit(async () => {
      throw new Error('async')
    })
    session.afterCommit(note('last'))
    await session.commit()
    expect(ran).toEqual(['last'])
    expect(await warned()).toEqual(Array.from({ length: 4 }, () => 'DATA_BRIDGE_AFTER_COMMIT'))
    expect(await count()).toBe(1)
  })

  it('finds its session closed, whatever it asks of it', async () => {
    await using session = database.session()
    const ann = user('ann')
    session.add(ann)
    const prepared = session.find(User)
    const uses: Record<string, () => unknown> = {
      add: () => session.add(user('bob')),
      delete: () => session.delete(ann),
      find: () => session.find(User).toList(),
      'a query made before': () => prepared.toList(),
      get: () => session.get(User, 1),
      getMany: () => session.getMany(User, [1]),
      getOrThrow: () => session.getOrThrow(User, 1),
      refresh: () => session.refresh(ann),
      relation: () => ann.posts.load(),
      open: () => session.open(),
      flush: () => session.flush(),
      commit: () => session.commit(),
      rollback: () => session.rollback(),
      execute: () => session.execute(sql`select 1`),
      transaction: () => session.transaction(() => 1),
      afterCommit: () => session.afterCommit(note('never')),
    }
    for (const [name, use] of Object.entries(uses))
      session.afterCommit(async () => {
        await expect(async () => use()).rejects.toThrow(closed)
        ran.push(name)
      })
    await session.commit()
    expect(ran).toEqual(Object.keys(uses))
    expect(ann.id).toBe(1)
    session.add(user('bob'))
    await session.commit()
    expect(await count()).toBe(2)
    expect(ran).toHaveLength(Object.keys(uses).length)
  })

  it('finds its session closed behind a timer, and within a callback of another session', async () => {
    await using session = database.session()
    session.afterCommit(async () => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      await expect(session.get(User, 1)).rejects.toThrow(closed)
      await database.run((inner) => {
        inner.afterCommit(async () => {
          await expect(session.get(User, 1)).rejects.toThrow(closed)
          await expect(inner.get(User, 1)).rejects.toThrow(closed)
          ran.push('inner')
        })
      })
      ran.push('outer')
    })
    await session.commit()
    expect(ran).toEqual(['inner', 'outer'])
    expect(await session.get(User, 1)).toBeNull()
  })

  it('finds the ambient session closed: of run(), and of database.transaction()', async () => {
    const ambient = async (): Promise<void> => {
      await expect(User.get(1)).rejects.toThrow(closed)
      expect(() => User.find()).toThrow(closed)
      ran.push('ambient')
    }
    await database.run((session) => session.afterCommit(ambient))
    await database.transaction((session) => session.afterCommit(ambient))
    await database.run(async () => {
      await database.run((session) => session.afterCommit(ambient))
    })
    expect(ran).toEqual(['ambient', 'ambient', 'ambient'])
  })

  it('leaves the session open to everyone else, who may begin the next unit of work', async () => {
    await using session = database.session()
    const begun = Promise.withResolvers<void>()
    const done = Promise.withResolvers<void>()
    session.add(user('ann'))
    session.afterCommit(async () => {
      begun.resolve()
      await done.promise
      ran.push('callback')
    })
    const committing = session.commit()
    await begun.promise
    session.add(user('bob'))
    session.afterCommit(note('next'))
    await session.commit()
    expect(ran).toEqual(['next'])
    expect(await count()).toBe(2)
    done.resolve()
    await committing
    expect(ran).toEqual(['next', 'callback'])
  })

  it('is called without this, once for each time that it was given', async () => {
    await using session = database.session()
    function callback(this: unknown): void {
      ran.push(String(this))
    }
    session.afterCommit(callback)
    session.afterCommit(callback)
    await session.commit()
    expect(ran).toEqual(['undefined', 'undefined'])
  })

  it('may close its session', async () => {
    const own = new Session(url)
    own.add(user('ann'))
    own.afterCommit(() => own.close())
    own.afterCommit(note('after the end'))
    await own.commit()
    expect(own.isClosed).toBe(true)
    expect([ran, await count()]).toEqual([['after the end'], 1])
    expect(await warned()).toEqual([])
  })

  it('holds no connection, and is an operation of its own', async () => {
    await using recorded = recordSession(url)
    const { session, operations } = recorded
    session.add(user('ann'))
    session.afterCommit(function greet() {
      ran.push('greet')
    })
    session.afterCommit(() => {
      throw new Error('boom')
    })
    await session.commit()
    await warned()
    expect(
      operations
        .filter(
          ({ operation }) => operation.kind === 'session' && operation.name === 'after_commit',
        )
        .map(({ operation, outcome }) => [operation, outcome]),
    ).toMatchObject([
      [{ kind: 'session', callback: 'greet' }, {}],
      [{ kind: 'session', callback: undefined }, { error: new Error('boom') }],
    ])
    await database.run((job) =>
      job.afterCommit(() => void ran.push(`busy ${database.usage.total - database.usage.idle}`)),
    )
    expect(ran).toEqual(['greet', 'busy 0'])
  })
})

describe('the time for callbacks', () => {
  it('is 5 seconds for all together: then nothing waits, and the rest begins at once', async () => {
    await using session = database.session()
    session.add(user('ann'))
    const end = Promise.withResolvers<void>()
    session.afterCommit(note('first'))
    session.afterCommit(async function hangs() {
      await end.promise
      await expect(session.get(User, 1)).rejects.toThrow(closed)
      ran.push('hung')
    })
    session.afterCommit(async () => {
      ran.push('third')
      await end.promise
    })
    session.afterCommit(note('fourth'))
    await session.commit()
    expect(ran).toEqual(['first', 'third', 'fourth'])
    expect(await warned()).toEqual(['DATA_BRIDGE_AFTER_COMMIT'])
    expect(await session.get(User, 1)).toMatchObject({ name: 'ann' })
    end.resolve()
    await expect.poll(() => ran).toContain('hung')
  })

  it('leaves no timer behind', async () => {
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const before = timers()
    await runCallbacks([], 60_000)
    expect(timers()).toBe(before)
  })
})
