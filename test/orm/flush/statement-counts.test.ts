import { beforeEach, describe, expect, it } from 'vitest'
import { sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, user, User } from '../../support/entities.ts'
import { hasServerLog, type LogSource, statementLog } from '../../support/statement-log.ts'

const { query, truncate, url } = await testDatabase(blog)
beforeEach(truncate)

// Where the log of the server cannot be read, its answers are counted alone.
const sources: readonly LogSource[] = (await hasServerLog(url)) ? ['log', 'answers'] : ['answers']

const verbs = (texts: readonly string[]): string[] =>
  texts.map(
    (text) => /\b(insert into|update|delete from) "(\w+)"/.exec(text)?.slice(1).join(' ') ?? text,
  )

describe.each(sources)('as PostgreSQL counts its statements, by its %s,', (source) => {
  it('what was executed is told, and what an error skipped is not', async () => {
    await using log = await statementLog(url, {}, source)
    const told = await log.statementsOf(async () => {
      await using session = log.database.session()
      await session.execute(sql`select 'one',\n  'line more'`)
      session.add(user('ann'), new Post({ title: 'T', authorId: 999 }))
      await session.commit().catch(() => undefined)
      await session.rollback()
    })
    expect(told.slice(0, 2)).toEqual(['begin', `select 'one',\n  'line more'`])
    expect(verbs(told.slice(2))).toEqual(
      source === 'log'
        ? ['insert into users', 'insert into posts', 'rollback']
        : ['insert into users', 'rollback'],
    )
  })

  it('2,000 new entities of which the half refers to the others are two', async () => {
    await using log = await statementLog(url, {}, source)
    const users = Array.from({ length: 1000 }, (_each, index) => user(`user ${index}`))
    const posts = users.map((author) => new Post({ title: 'T', author }))
    const told = await log.statementsOf(() =>
      log.database.run((session) => session.add(posts.toReversed(), users)),
    )
    expect(verbs(told)).toEqual(['begin', 'insert into users', 'insert into posts', 'commit'])
    expect(posts.every(({ authorId }, index) => authorId === users[index]?.id)).toBe(true)
    expect(await query('select from posts join users on users.id = author_id')).toHaveLength(1000)
  })

  it('2,000 new entities of which the half gets the keys of the others after a flush are two', async () => {
    await using log = await statementLog(url, {}, source)
    const told = await log.statementsOf(() =>
      log.database.run(async (session) => {
        const users = Array.from({ length: 1000 }, (_, index) => user(`user ${index}`))
        session.add(users)
        await session.flush()
        session.add(users.map(({ id }) => new Post({ title: 'T', authorId: id })))
      }),
    )
    expect(verbs(told)).toEqual(['begin', 'insert into users', 'insert into posts', 'commit'])
  })

  it('500 different updates are one', async () => {
    await query(
      `insert into users (name, email) select 'user ' || n, n || '@' from generate_series(1, 500) n`,
    )
    await using log = await statementLog(url, {}, source)
    const told = await log.statementsOf(() =>
      log.database.run(async (session) => {
        const users = await session.find(User).toList()
        users.forEach((each, index) => {
          if (index % 2 === 0) each.name += '!'
          if (index % 3 === 0) each.age = index
          if (index % 6 === 1 || index % 6 === 5) each.active = false
        })
      }),
    )
    expect(verbs(told)).toEqual([
      expect.stringMatching(/^select/),
      'begin',
      'update users',
      'commit',
    ])
  })

  it('1,000 deletes of two tables are two', async () => {
    await query(`
      insert into users (name, email) values ('ann', 'ann');
      insert into posts (title, author_id) select 'T', 1 from generate_series(1, 500);
      insert into comments (body, post_id) select 'C', n from generate_series(1, 500) n`)
    await using log = await statementLog(url, {}, source)
    const told = await log.statementsOf(() =>
      log.database.run(async (session) => {
        const posts = await session.find(Post).toList()
        session.delete(posts, await session.find(Comment).toList())
      }),
    )
    expect(verbs(told.slice(2))).toEqual([
      'begin',
      'delete from comments',
      'delete from posts',
      'commit',
    ])
    expect(await query('select from posts')).toEqual([])
  })

  it('a flush after 10,000 unchanged rows is none', async () => {
    await query(
      `insert into users (name, email) select 'user ' || n, n || '@' from generate_series(1, 10000) n`,
    )
    await using log = await statementLog(url, {}, source)
    await log.database.run(async (session) => {
      expect(await session.find(User).toList()).toHaveLength(10_000)
      expect(await log.statementsOf(() => session.flush())).toEqual([])
    })
  })
})
