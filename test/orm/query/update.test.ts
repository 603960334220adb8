import { beforeEach, describe, expect, it } from 'vitest'
import { Database, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, user, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'
import { recordSession, recordWire } from '../../support/recorder.ts'

const { database, query, truncate, url } = await testDatabase([...blog])

beforeEach(async () => {
  await truncate()
  await database.run((session) => {
    const users = ['ann', 'bob', 'cid'].map((name, index) => user(name, { age: 20 + index }))
    const posts = users.map(
      (author, index) => new Post({ title: `T${index}`, likes: index, author }),
    )
    session.add(users, posts, new Comment({ body: 'C', post: posts[0] as Post }))
  })
})

const ages = async (): Promise<(number | null)[]> =>
  (await query<{ age: number | null }>('select age from users order by id')).map(({ age }) => age)

const isWrite = (text: string): boolean => /update|delete/.test(text)

describe('update()', () => {
  it('changes the rows of a filter with one statement, and gives their number', async () => {
    await using wire = recordWire(url, { tables: [...blog] })
    await wire.database.run(async (session) => {
      const some = session.find(User).filter({ name: ['ann', 'bob'] })
      expect(await some.update({ age: 1 })).toBe(2)
      expect(await some.filter({ id: 3 }).update({ age: 1 })).toBe(0)
      expect(session.stats.queryCount).toBe(2)
    })
    expect(wire.texts).toEqual([
      'begin',
      'update "users" as "t0" set "age" = $1 where "t0"."name" = any($2)',
      expect.stringMatching(/^update "users" as "t0" set "age" = \$1 where \(.*\)$/),
      'commit',
    ])
    expect(await ages()).toEqual([1, 1, 22])
  })

  it('takes expressions of the row, and gives the new values', async () => {
    const rows = await database.run((session) =>
      session
        .find(User)
        .filter((row) => row.age.gt(20))
        .update((row) => ({ age: sql`${row.age} + ${10}`, name: sql`upper(${row.name})` }), {
          returning: (row) => ({
            id: row.id,
            name: row.name,
            age: row.age,
            createdAt: row.createdAt,
            now: sql<Date>`now()`,
          }),
        }),
    )
    const times = { createdAt: expect.any(Date), now: expect.any(Date) }
    expect(rows.toSorted((one, other) => one.id - other.id)).toEqual([
      { id: 2, name: 'BOB', age: 31, ...times },
      { id: 3, name: 'CID', age: 32, ...times },
    ])
  })

  it('sends values as entities do', async () => {
    const createdAt = new Date('2024-02-29T12:00:00.123Z')
    await database.run((session) =>
      session.find(User).filter({ id: 1 }).update({ createdAt, age: null, active: false }),
    )
    expect(await query('select created_at, age, active from users where id = 1')).toEqual([
      { created_at: createdAt, age: null, active: false },
    ])
  })

  it('filters by columns behind relations, and chooses the rows first', async () => {
    await using wire = recordWire(url, { tables: [...blog] })
    await wire.database.run(async (session) => {
      const byBob = session.find(Post).filter((post) => post.author.name.eq('bob'))
      expect(await byBob.update({ likes: 7 })).toBe(1)
    })
    expect(wire.texts[1]).toBe(
      'with "#chosen" ("#0") as materialized (select "t0"."id" from "posts" as "t0" ' +
        'left join "users" as "t0_0" on "t0_0"."id" = "t0"."author_id" where "t0_0"."name" = $1 ' +
        'for no key update of "t0") update "posts" as "t0" set "likes" = $2 ' +
        'from "#chosen" where "t0"."id" = "#chosen"."#0"',
    )
    expect(await query('select likes from posts order by id')).toEqual([
      { likes: 0 },
      { likes: 7 },
      { likes: 2 },
    ])
  })

  it('needs no choice for conditions that are sub-queries', async () => {
    await using wire = recordWire(url, { tables: [...blog] })
    await wire.database.run(async (session) => {
      const busy = session.find(User).filter((row) => row.posts.any((post) => post.likes.gt(0)))
      expect(await busy.update((row) => ({ age: row.posts.count() }))).toBe(2)
      const counted = session.find(User).filter((row) => row.posts.count().eq(0))
      expect(await counted.update({ age: 0 })).toBe(0)
      const none = session.find(Post).filter((post) => post.author.has((row) => row.age.gt(20)))
      expect(await none.update({ likes: 0 })).toBe(0)
    })
    expect(wire.texts.filter((text) => text.includes('with'))).toEqual([])
    expect(await ages()).toEqual([20, 1, 1])
  })

  it('sets and gives columns behind relations', async () => {
    await database.run(async (session) => {
      const ofBob = session.find(Post).filter({ authorId: 2 })
      await ofBob.update((post) => ({ title: post.author.email, likes: sql`${post.author.age}` }))
      const rows = await session
        .find(Comment)
        .filter((comment) => comment.post.author.name.eq('ann'))
        .update((comment) => ({ body: comment.post.author.name }), {
          returning: (comment) => ({
            body: comment.body,
            email: comment.post.author.email,
            posts: comment.post.author.posts.count(),
            title: sql<string>`lower(${comment.post.title})`,
          }),
        })
      expect(rows).toEqual([{ body: 'ann', email: 'ann@example.com', posts: 1, title: 't0' }])
    })
    expect(await query('select title, likes from posts where id = 2')).toEqual([
      { title: 'bob@example.com', likes: 21 },
    ])
  })

  it('changes a page of the rows, and gives them in its order', async () => {
    await database.run(async (session) => {
      const page = session
        .find(User)
        .all()
        .orderBy((row) => row.id.desc())
        .limit(2)
      const rows = await page.update({ age: 1 }, { returning: (row) => ({ id: row.id }) })
      expect(rows).toEqual([{ id: 3 }, { id: 2 }])
      expect(await page.offset(2).update({ age: 2 })).toBe(1)
      expect(await page.limit(0).update({ age: 3 })).toBe(0)
    })
    expect(await ages()).toEqual([2, 1, 1])
  })

  it('changes every row where all() says so', async () => {
    await database.run(async (session) => {
      expect(await session.find(User).all().update({ age: 1 })).toBe(3)
    })
    expect(await ages()).toEqual([1, 1, 1])
  })

  it('sees what the program has changed, and keeps statements of the same shape', async () => {
    await using wire = recordWire(url, { tables: [...blog] })
    await wire.database.run(async (session) => {
      session.add(user('dan', { age: 1 }))
      expect(await session.find(User).filter({ age: 1 }).update({ active: false })).toBe(1)
      for (const age of [20, 21, 22])
        expect(
          await session
            .find(User)
            .filter({ age })
            .update({ age: age + 10 }),
        ).toBe(1)
    })
    const writes = wire.queries.filter(({ text }) => isWrite(text))
    expect(new Set(writes.map(({ text }) => text)).size).toBe(2)
    const [, , second, third] = writes.map(({ name }) => name)
    expect([second, third]).toEqual([third, expect.stringContaining('data_bridge_')])
    expect(await ages()).toEqual([30, 31, 32, 1])
  })

  it('belongs to the transaction of the session', async () => {
    await using session = database.session()
    expect(await session.find(User).filter({ id: 1 }).update({ age: 1 })).toBe(1)
    expect(session.hasUnsaved).toBe(true)
    expect(await ages()).toEqual([20, 21, 22])
    await session.rollback()
    expect(session.hasUnsaved).toBe(false)
    const changing = session.find(User).filter({ id: 2 }).update({ age: 2 })
    await session.commit()
    expect([await changing, session.hasUnsaved]).toEqual([1, false])
    expect(await ages()).toEqual([20, 2, 22])
  })

  it('is one operation, which is a write', async () => {
    await using recorder = recordSession(url)
    const { session } = recorder
    const some = session.find(User).filter({ active: true }, (row) => row.age.gt(20))
    await some.limit(5).update({ age: 1 })
    await session.rollback()
    await session
      .find(User)
      .all()
      .delete({ returning: (row) => ({ id: row.id }) })
      .catch(String)
    const operations = recorder.operations.filter(({ operation }) => operation.kind === 'query')
    expect(operations).toMatchObject([
      { operation: { name: 'update', filters: 2, limit: 5 }, outcome: { rows: 2 } },
      { operation: { name: 'delete', filters: 0 }, outcome: { error: expect.any(Error) } },
    ])
    const [update] = recorder.statements.filter(({ kind }) => kind === 'write')
    expect(update).toMatchObject({ summary: 'UPDATE users', kind: 'write' })
    expect(update?.operation).toBe(operations[0]?.operation)
  })
})

describe('a violated constraint', () => {
  it('is told as everywhere, with the properties of the entity', async () => {
    await using session = database.session()
    const taken = session.find(User).filter({ id: 1 }).update({ email: 'bob@example.com' })
    const error = await failure('DATA_BRIDGE_ERR_UNIQUE', taken)
    expect([error.columns, error.statusCode, error.entity]).toEqual([['email'], 409, undefined])
    expect(error.message).not.toContain('bob')
    await session.rollback()
    await failure(
      'DATA_BRIDGE_ERR_FOREIGN_KEY',
      session.find(Post).filter({ id: 1 }).update({ authorId: 99 }),
    )
  })
})

describe('a transaction that has failed', () => {
  it.each<[string, (session: Session) => Promise<unknown>]>([
    ['a write by a query', (session) => session.find(User).all().update({ age: 1 })],
    [
      'a flush',
      (session) => {
        session.add(user('dan'))
        return session.flush()
      },
    ],
  ])('refuses %s, as any other statement', async (_, write) => {
    // It has not asked the catalogue yet.
    await using other = new Database({ connectionString: url })
    await using session = other.session()
    await failure('DATA_BRIDGE_ERR_INVALID_VALUE', session.execute(sql`select 1 / 0`))
    await expect(write(session)).rejects.toThrow(coded('DATA_BRIDGE_ERR_TRANSACTION'))
    await session.rollback()
    expect(await session.find(User).filter({ id: 1 }).update({ age: 1 })).toBe(1)
    await session.rollback()
  })
})

describe('a queue', () => {
  const next = (session: Session) =>
    session
      .find(Post)
      .filter((post) => post.title.ne('taken'))
      .orderBy((post) => post.id.asc())

  const take = (session: Session, limit: number) =>
    next(session)
      .limit(limit)
      .forUpdate({ skipLocked: true })
      .update({ title: 'taken' }, { returning: (post) => ({ id: post.id, title: post.title }) })

  it('gives each worker other rows, with one statement', async () => {
    await using first = database.session()
    await using second = database.session()
    expect(await take(first, 2)).toEqual([
      { id: 1, title: 'taken' },
      { id: 2, title: 'taken' },
    ])
    expect(first.stats.queryCount).toBe(1)
    expect(await take(second, 2)).toEqual([{ id: 3, title: 'taken' }])
    await first.rollback()
    expect(await take(second, 9)).toHaveLength(2)
    await second.commit()
  })

  it('gives no row twice where workers wait for each other', async () => {
    await using first = database.session()
    await using second = database.session()
    await next(first).limit(1).update({ title: 'taken' })
    const waiting = next(second)
      .limit(1)
      .update({ title: 'taken' }, { returning: (post) => ({ id: post.id }) })
    await expect
      .poll(() =>
        query(
          `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        ),
      )
      .toHaveLength(1)
    await first.commit()
    expect(await waiting).toEqual([{ id: 2 }])
    await second.commit()
  })

  it('fails at once with noWait', async () => {
    await using first = database.session()
    await using second = database.session()
    await take(first, 1)
    const taking = next(second).forUpdate({ noWait: true }).update({ title: 'x' })
    await expect(taking).rejects.toThrow(coded('DATA_BRIDGE_ERR_STATEMENT_TIMEOUT'))
  })
})
