import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, User, user } from '../../support/entities.ts'
import { foundIn, type Work } from './found.ts'

const { database, query } = await testDatabase(blog)

beforeAll(async () => {
  await database.run((session) => {
    for (let index = 0; index < 6; index += 1) {
      const post = new Post({ title: `post${index}`, author: user(`user${index}`) })
      session.add(post, new Comment({ body: 'a', post }))
    }
  })
})

const findingsOf = foundIn(database)

const settings = (session: Session): Promise<User[]> =>
  session.find(User).filter({ name: 'user1' }).toList()

const file = 'test/n-plus-one/scenarios/duplicates.test.ts'

describe('the same statement again', () => {
  it('P42 duplicate identical read, two layers', async () => {
    const hook = (session: Session): Promise<User[]> => settings(session)
    const handler = (session: Session): Promise<User | null> =>
      session.find(User).filter({ name: 'user1' }).limit(1).first()
    const findings = await findingsOf(async (session) => {
      await session.find(User).filter({ name: 'user1' }).limit(1).first()
      await hook(session)
      await handler(session)
    })
    expect(findings).toEqual([
      {
        kind: 'duplicate',
        target: 'SELECT users',
        count: 2,
        avoidableQueries: 1,
        confidence: 'likely',
        severity: 'info',
        durationMs: expect.any(Number),
        avoidableMs: expect.any(Number),
        site: { file, line: 30, column: expect.any(Number), function: 'handler' },
        sql: expect.stringMatching(/^select .* from "users" /),
        fix: expect.stringMatching(
          `keep the result of the first one, at ${file}:32:\\d+, and pass it on`,
        ),
      },
    ])
  })

  it('P43 identical find in a loop', async () => {
    const findings = await findingsOf(async (session) => {
      for (let turn = 0; turn < 5; turn += 1) await settings(session)
    })
    expect(findings).toMatchObject([
      {
        kind: 'duplicate',
        target: 'SELECT users',
        count: 5,
        avoidableQueries: 4,
        severity: 'warn',
      },
    ])
  })

  it('P43 of own SQL, of counts, and of a key that no row has', async () => {
    const works: readonly (readonly [string, Work])[] = [
      ['SELECT posts', (session) => session.execute(sql`select likes from posts where id = ${1}`)],
      ['SELECT posts', ({ connection }) => connection.query('select 1 from posts where id = 1')],
      ['SELECT posts', (session) => session.find(Post).count()],
      ['User', (session) => session.get(User, 101)],
      ['User.posts', async (session) => (await session.getOrThrow(User, 1)).posts.count()],
    ]
    for (const [target, work] of works) {
      const findings = await findingsOf(async (session) => {
        for (let turn = 0; turn < 3; turn += 1) await work(session)
      })
      expect(findings).toMatchObject([{ kind: 'duplicate', target, count: 3, severity: 'info' }])
    }
  })

  it('P43 at the same time', async () => {
    const findings = await findingsOf(async (session) => {
      await Promise.all([1, 2, 3].map(() => settings(session)))
    })
    expect(findings).toMatchObject([{ kind: 'duplicate', count: 3 }])
  })

  it('P43 of several values each is one finding', async () => {
    const findings = await findingsOf(async (session) => {
      for (const name of ['user1', 'user2']) {
        await session.find(User).filter({ name }).toList()
        await session.find(User).filter({ name }).toList()
      }
    })
    expect(findings).toMatchObject([
      { kind: 'duplicate', count: 4, avoidableQueries: 2, severity: 'info' },
    ])
  })

  it('P43 is not told again where a loop is found', async () => {
    const findings = await findingsOf(async (session) => {
      for (const name of ['user1', 'user2', 'user3', 'user1', 'user2'])
        await session.find(User).filter({ name }).toList()
      for (const id of [101, 102, 103, 101]) await session.get(User, id)
      for (const post of await session.find(Post).toList()) {
        await post.comments.count()
        await post.comments.count()
      }
    })
    expect(findings.map(({ kind, count }) => [kind, count])).toEqual([
      ['n1.get', 4],
      ['n1.query', 5],
      ['n1.query', 12],
    ])
  })

  it('P43 after a write to another table', async () => {
    const findings = await findingsOf(async (session) => {
      await settings(session)
      await session.execute(sql`insert into comments (body, post_id) values ('b', 1)`)
      session.add(new Comment({ body: 'c', postId: 1 }))
      await session.flush()
      await settings(session)
    })
    expect(findings).toMatchObject([{ kind: 'duplicate', count: 2 }])
  })
})

const silent: Readonly<Record<string, Work>> = {
  'N27 re-read after write': async (session) => {
    await settings(session)
    await session.execute(sql`update users set age = 3`)
    await settings(session)
  },
  'N27 re-read after a flush, a write by query and a delete': async (session) => {
    await settings(session)
    session.add(user('new'))
    await session.flush()
    await settings(session)
    await session.find(User).filter({ name: 'user2' }).update({ age: 4 })
    await settings(session)
    await session.execute(sql`delete from comments where id = 1`)
    await settings(session)
    await session.execute(sql`select setval('users_id_seq', 100)`)
    await settings(session)
  },
  'N28 SELECT … FOR UPDATE repeated': async (session) => {
    for (let turn = 0; turn < 3; turn += 1) {
      await session.find(User).filter({ id: 1 }).forUpdate().one()
      await session.find(User).filter({ id: 1 }).forShare().one()
      await session.execute(sql`select 1 from users where id = 1 for no key update`)
    }
  },
  'N28 advisory locks': async (session) => {
    for (let turn = 0; turn < 3; turn += 1) {
      await session.advisoryLock('a')
      await session.execute(sql`select pg_advisory_xact_lock(1) from users where id = 1`)
    }
  },
  'N28 explicit db.refresh(p) twice': async (session) => {
    const post = await session.getOrThrow(Post, 1)
    await session.refresh(post)
    await session.refresh(post)
  },
  'N36 session internals': async ({ connection }) => {
    for (let turn = 0; turn < 6; turn += 1) {
      await connection.query('select 1')
      await connection.query('deallocate all')
      await connection.query(`select 1 from information_schema.tables where table_name = 'x'`)
      await connection.query('show search_path')
    }
  },
  'N48 volatile/time functions repeated': async (session) => {
    for (let turn = 0; turn < 6; turn += 1) {
      await session.execute(sql`select name, now() from users where id = 1`)
      await session.execute(sql`select name from users order by random() limit 1`)
      await session.execute(sql`select id from users where created_at < current_timestamp`)
      await session
        .find(User)
        .filter(() => sql`created_at < clock_timestamp()`)
        .count()
    }
  },
  'N49 failed statement retried once by app': async (session) => {
    const failing = session.find(Post).filter(() => sql`1 / likes > 0`)
    await expect(failing.count()).rejects.toThrow('cannot take a value')
    await query('update posts set likes = 1')
    await failing.count()
    await query('update posts set likes = 0')
  },
  'N49 a transaction that is repeated': async (session) => {
    for (let turn = 0; turn < 3; turn += 1) {
      await session.execute(sql`select name from users where id = 1`)
      await session.rollback()
    }
  },
  'of a savepoint that was rolled back': async (session) => {
    await session.transaction(async () => {
      const failing = session.transaction(async () => {
        await settings(session)
        throw new Error('failed')
      })
      await expect(failing).rejects.toThrow('failed')
      await settings(session)
    })
  },
  'of other values': async (session) => {
    for (const id of [1, 2]) await session.find(User).filter({ id }).one()
  },
}

describe('no finding', () => {
  it.each(Object.keys(silent))('%s', async (name) => {
    expect(await findingsOf(silent[name] as Work)).toEqual([])
  })

  it('N26 polling with sleep', async () => {
    const poll: Work = async (session) => {
      for (let turn = 0; turn < 3; turn += 1) {
        await settings(session)
        await session.execute(sql`select name from users where id > ${turn}`)
        await setTimeout(260)
      }
    }
    // Your own SQL begins a transaction, which waits as well. That is another finding.
    expect(await findingsOf(poll)).toMatchObject([{ kind: 'tx.external_io' }])
  })

  it('N34 two concurrent requests, 1 load each', async () => {
    const requests = [1, 2, 3, 4, 5].map(() => findingsOf(settings))
    expect((await Promise.all(requests)).flat()).toEqual([])
  })

  it('N35 two sequential requests', async () => {
    for (let turn = 0; turn < 5; turn += 1) expect(await findingsOf(settings)).toEqual([])
  })

  it('in mode count', async () => {
    const loop: Work = async (session) => {
      for (let turn = 0; turn < 6; turn += 1) await settings(session)
    }
    expect(await findingsOf(loop, { nPlusOne: 'count' })).toEqual([])
  })
})
