import type { FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { belongsTo, hasMany, integer, selectinload, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, User } from '../../support/entities.ts'
import { serve, type Served, watchForLeaks } from '../serve.ts'

class Person extends table('people', {
  id: integer().primaryKey().generated(),
  managerId: integer()
    .nullable()
    .references(() => Person),
  mentorId: integer()
    .nullable()
    .references(() => Person),
  secret: text().hidden(),
  manager: () => belongsTo(Person, 'managerId'),
  mentor: () => belongsTo(Person, 'mentorId'),
  reports: () => hasMany(Person, 'managerId'),
  mentees: () => hasMany(Person, 'mentorId'),
}) {}

const secret = 'a secret that nobody sees'
const stored = await testDatabase([...blog, Person])
const { database, query, truncate } = stored
watchForLeaks(stored)

beforeEach(async () => {
  await truncate()
  await query(`insert into users (name, email, password_hash) values ('ann', 'ann', $1)`, [secret])
})

const serving = (routes: (app: FastifyInstance) => void): Promise<Served> =>
  serve({ database }, routes)

const patch = (served: Served, path: string, body: string): Promise<Response> =>
  served.fetch(path, { method: 'PATCH', body, headers: { 'content-type': 'application/json' } })

describe('a body that is assigned to an entity', () => {
  const response = {
    200: {
      type: 'object',
      properties: { name: { type: 'string' }, passwordHash: { type: 'string' } },
    },
  }

  const routes = (app: FastifyInstance): void => {
    const assign = async ({ body }: { readonly body: unknown }): Promise<unknown> => {
      const user = await User.find().one()
      return Object.assign(user, body)
    }
    app.patch('/', assign)
    app.patch('/schema', { schema: { response } }, assign)
    app.setErrorHandler(async (error: Error & { code?: string }, _request, reply) =>
      reply.code(500).send({ code: error.code }),
    )
  }

  it.each(['{"toJSON":1}', '{"toJSON":{"name":"x"}}', '{"name":"bob","toJSON":null}'])(
    'shows no hidden column: %s',
    async (body) => {
      await using served = await serving(routes)
      for (const path of ['/', '/schema']) {
        const answer = await patch(served, path, body)
        expect([answer.status, await answer.json()]).toEqual([
          500,
          { code: 'DATA_BRIDGE_ERR_ENTITY' },
        ])
      }
      expect(await query('select name from users')).toEqual([{ name: 'ann' }])
    },
  )

  it.each(['{"then":1}', '{"inspect":1}', '{"valueOf":1,"toString":1}'])(
    'has no effect on what is shown: %s',
    async (body) => {
      await using served = await serving(routes)
      for (const path of ['/', '/schema']) {
        const answer = await patch(served, path, body)
        const shown = await answer.text()
        expect([answer.status, shown.includes('"name":"ann"')]).toEqual([200, true])
        expect(shown).not.toContain(secret)
      }
    },
  )
})

it('logs no hidden column', async () => {
  await using served = await serving((app) => {
    app.get('/', async (request) => {
      const user = await User.find().options(selectinload(User.posts)).one()
      request.log.info({ user, list: [user], posts: user.posts, stats: request.session.stats }, 'x')
      request.log.info('%o %O %j', user, user, user)
      return 'fine'
    })
  })
  await served.fetch('/')
  const lines = JSON.stringify(served.logs)
  expect(lines).not.toContain(secret)
  expect(served.logs.find(({ msg }) => msg === 'x')).toMatchObject({
    user: { name: 'ann', posts: [] },
    list: [{ name: 'ann' }],
    posts: [],
    stats: { queryCount: 2, findings: [] },
  })
})

it('answers what the session has cost', async () => {
  await using served = await serving((app) => {
    app.get('/', async ({ session }) => {
      await session.find(User).count()
      return { stats: session.stats, spread: { ...session.stats } }
    })
  })
  const json = (await (await served.fetch('/')).json()) as Record<'stats' | 'spread', object>
  expect(json.stats).toEqual({
    queryCount: 1,
    durationMs: expect.any(Number),
    savedQueries: 0,
    findings: [],
  })
  expect(json.spread).toEqual(json.stats)
})

describe('many entities that refer to each other', () => {
  const every = [
    selectinload(Person.manager),
    selectinload(Person.mentor),
    selectinload(Person.reports),
    selectinload(Person.mentees),
  ]

  const routes = (app: FastifyInstance): void => {
    app.get('/loaded', async () =>
      Person.find()
        .options(...every)
        .toList(),
    )
    app.get('/awaited', async () => {
      const people = await Person.find().toList()
      for (const person of people) {
        await person.manager
        await person.mentor
        await person.reports
        await person.mentees
      }
      return { people }
    })
    app.get('/posts', async () =>
      Post.find()
        .options(selectinload(Post.author).options(selectinload(User.posts)))
        .toList(),
    )
  }

  it.each([100, 300])('are answered in linear size, of %i rows', async (count) => {
    await query(
      `insert into people (id, manager_id, mentor_id, secret) overriding system value
       select n, 1 + n / 3, 1 + (n * 7) % $1::int, $2 from generate_series(1, $1::int) n`,
      [count, secret],
    )
    await using served = await serving(routes)
    for (const path of ['/loaded', '/awaited']) {
      const answer = await served.fetch(path)
      const body = await answer.text()
      expect(answer.status).toBe(200)
      expect(body.length).toBeLessThan(count * 5 * 70)
      expect(body.match(/"managerId"/g)?.length).toBeGreaterThan(count * 4)
      expect(body).not.toContain(secret)
    }
  })

  it('are refused where the answer would be out of proportion; the log names the relations', async () => {
    await query(`insert into posts (title, author_id) select n, 1 from generate_series(1, 1000) n`)
    await using served = await serving(routes)
    const answer = await served.fetch('/posts')
    expect([answer.status, await answer.json()]).toEqual([
      500,
      {
        statusCode: 500,
        code: 'DATA_BRIDGE_ERR_ENTITY',
        error: 'Internal Server Error',
        message: 'The request could not be handled.',
      },
    ])
    const { err } = served.logs.find((line) => line.err !== undefined) ?? {}
    expect(err?.stack).toMatch(/more than \d+ entities.*Post\.author and User\.posts/)
  })
})
