import { beforeEach, expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { names, serve, untilBlocked, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
beforeEach(stored.truncate)
watchForLeaks(stored)

it('an advisory lock of a request is held until its commit, so that one of ten requests adds the user', async () => {
  await using served = await serve({ database }, (app) => {
    app.post('/users', async ({ session }, reply) => {
      await session.advisoryLock('user:ann')
      if (await session.find(User).filter({ name: 'ann' }).exists()) return reply.code(409).send({})
      session.add(user('ann'))
      return reply.code(201).send({})
    })
  })
  const statuses = await Promise.all(
    Array.from(
      { length: 10 },
      async () => (await served.fetch('/users', { method: 'POST' })).status,
    ),
  )
  expect(statuses.toSorted((one, other) => one - other)).toEqual([
    201,
    ...Array.from({ length: 9 }, () => 409),
  ])
  expect(await names(query)).toEqual(['ann'])
})

it('the locks of a request that fails, and of a client that leaves, are free again', async () => {
  await using served = await serve({ database }, (app) => {
    app.get('/fails', async ({ session }) => {
      await session.advisoryLock('report')
      throw new Error('on purpose')
    })
    app.get('/waits', async ({ session }) => {
      await session.advisoryLock('report')
      await session.advisoryLock('busy')
      return {}
    })
  })
  expect((await served.fetch('/fails')).status).toBe(500)
  await using busy = database.session()
  expect(await busy.tryAdvisoryLock('report')).toBe(true)
  await busy.rollback()
  await busy.advisoryLock('busy')
  const leaving = new AbortController()
  const left = served.fetch('/waits', { signal: leaving.signal })
  await untilBlocked(query, 'select pg_advisory_xact_lock')
  expect(await busy.tryAdvisoryLock('report')).toBe(false)
  leaving.abort()
  await expect(left).rejects.toThrow('aborted')
  await expect.poll(() => busy.tryAdvisoryLock('report')).toBe(true)
  await busy.commit()
})

it('two requests that lock a row together with its relation take turns', async () => {
  await database.run((session) =>
    session.add(new Post({ title: 'T', author: user('ann', { age: 1 }) })),
  )
  await using served = await serve({ database }, (app) => {
    app.post('/posts/:id/likes', async ({ session }) => {
      const post = await session
        .find(Post)
        .forUpdate({ of: (row) => [row, row.author] })
        .one()
      post.likes += 1
      post.author.value.age = (post.author.value.age ?? 0) + 1
      return {}
    })
  })
  const like = () => served.fetch('/posts/1/likes', { method: 'POST' })
  const responses = await Promise.all(Array.from({ length: 10 }, like))
  expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200))
  expect(await query('select likes, age from posts join users on users.id = author_id')).toEqual([
    { likes: 10, age: 11 },
  ])
})
