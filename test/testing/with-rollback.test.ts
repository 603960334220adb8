import type { FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { Database, sql } from '../../orm/index.ts'
import { withRollback } from '../../plugin/testing/index.ts'
import { names, type Served, serve, watchForLeaks } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post, user, User } from '../support/entities.ts'
import { seenNames } from './seen-names.ts'

const { url, database, query, truncate } = await testDatabase(blog)

watchForLeaks({ database, query })

beforeEach(async () => {
  await truncate()
  await database.run((session) => {
    const ann = user('ann')
    session.add(ann)
    session.add(new Post({ title: 'first', author: ann }))
  })
})

/** What is stored in all tables. */
const stored = (): Promise<object[]> =>
  query(`
    select (select json_agg(users order by id) from users) as users,
           (select json_agg(posts order by id) from posts) as posts,
           (select json_agg(comments order by id) from comments) as comments`)

async function served(routes: (app: FastifyInstance) => void): Promise<Served> {
  const started = await serve({ database, headers: true }, routes)
  onTestFinished(() => started.app.close())
  return started
}

const post = (app: FastifyInstance, path: string, payload: object = {}) =>
  app.inject({ method: 'POST', url: path, payload })

function addUsers(app: FastifyInstance): void {
  app.post<{ Body: { name: string; fails?: boolean } }>('/users', async (request, reply) => {
    const added = user(request.body.name)
    request.session.add(added)
    if (request.body.fails === true) {
      await request.session.flush()
      throw new Error('no')
    }
    return reply.code(201).send(added)
  })
  app.get('/users', (request) => request.session.find(User).toList())
}

describe('withRollback', () => {
  it('gives the result of its function, and undoes what requests have committed', async () => {
    const before = await stored()
    const { app, fetch } = await served(addUsers)
    const found = await withRollback(app, async (given) => {
      expect(given).toBe(app)
      expect((await post(app, '/users', { name: 'bob' })).statusCode).toBe(201)
      const body = JSON.stringify({ name: 'cid' })
      const headers = { 'content-type': 'application/json' }
      const sent = await fetch('/users', { method: 'POST', body, headers })
      expect(sent.status).toBe(201)
      expect(await names(query)).toEqual(['ann'])
      return seenNames(app.dataBridge)
    })
    expect(found).toEqual(['ann', 'bob', 'cid'])
    expect(await stored()).toEqual(before)
    expect((await post(app, '/users', { name: 'dan' })).statusCode).toBe(201)
    expect(await names(query)).toEqual(['ann', 'dan'])
  })

  it('undoes everything when its function throws', async () => {
    const before = await stored()
    const { app } = await served(addUsers)
    const thrown = new Error('no')
    const failing = withRollback(app, async () => {
      await post(app, '/users', { name: 'bob' })
      throw thrown
    })
    await expect(failing).rejects.toBe(thrown)
    expect(await stored()).toEqual(before)
  })

  it('takes a database, whose sessions of any kind are part of it', async () => {
    const before = await stored()
    const early = database.session()
    await withRollback(database, async (given) => {
      expect(given).toBe(database)
      early.add(user('early'))
      await early.commit()
      await database.transaction((session) => session.add(user('bob')))
      await using own = database.session()
      own.add(user('cid'))
      await own.commit()
      expect(await seenNames(database)).toEqual(['ann', 'bob', 'cid', 'early'])
      expect(await database.health()).toMatchObject({ isUp: true })
    })
    await early.close()
    expect(await stored()).toEqual(before)
  })

  it('is one connection and one transaction', async () => {
    await withRollback(database, async () => {
      const identity = sql`select pg_backend_pid() as pid, pg_current_xact_id()::text as xid`
      const ask = () => database.run(async (session) => [...(await session.execute(identity))])
      expect(await ask()).toEqual(await ask())
      expect(database.usage.total - database.usage.idle).toBe(1)
    })
  })

  it('counts the statements of a request as in production', async () => {
    const { app } = await served((each) => {
      addUsers(each)
      each.get('/both', async ({ session }) => {
        await session.find(User).count()
        return session.transaction(() => session.find(Post).toList())
      })
    })
    const counts = async (): Promise<unknown[]> => {
      const answers = [
        await post(app, '/users', { name: 'bob' }),
        await app.inject('/users'),
        await app.inject('/both'),
      ]
      return answers.map(({ headers }) => headers['x-db-query-count'])
    }
    await counts()
    await truncate()
    const usual = await counts()
    await truncate()
    expect(await withRollback(app, counts)).toEqual(usual)
    expect(usual).toEqual(['1', '1', '2'])
  })

  it('undoes a request that fails, and answers the next', async () => {
    const { app } = await served(addUsers)
    await withRollback(app, async () => {
      expect((await post(app, '/users', { name: 'bob', fails: true })).statusCode).toBe(500)
      expect((await post(app, '/users', { name: 'ann' })).statusCode).toBe(409)
      expect((await post(app, '/users', { name: 'cid' })).statusCode).toBe(201)
      expect(await seenNames(app.dataBridge)).toEqual(['ann', 'cid'])
    })
  })

  it('runs callbacks of afterCommit() behind commits only', async () => {
    const told: string[] = []
    const { app } = await served((each) => {
      each.post<{ Body: { fails: boolean } }>('/', async ({ session, body }) => {
        const name = body.fails ? 'failed' : 'committed'
        session.add(user(name))
        session.afterCommit(() => void told.push(name))
        await session.flush()
        if (body.fails) throw new Error('no')
        return {}
      })
    })
    await withRollback(app, async () => {
      await post(app, '/', { fails: true })
      await post(app, '/', { fails: false })
    })
    expect(told).toEqual(['committed'])
  })
})

describe('calls of withRollback', () => {
  it('are refused while another one runs', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const first = withRollback(database, () => promise)
    await expect(withRollback(database, () => {})).rejects.toThrow(
      'withRollback() expected no other call of it that runs on the same database',
    )
    resolve()
    await first
    await withRollback(database, () => {})
  })

  it('undo their own part inside of each other', async () => {
    await withRollback(database, async () => {
      await database.run((session) => session.add(user('bob')))
      await withRollback(database, async () => {
        await database.run((session) => session.add(user('cid')))
        const twice = database.run((session) => session.add(user('cid')))
        await expect(twice).rejects.toMatchObject({ code: 'DATA_BRIDGE_ERR_UNIQUE' })
        await database.run(async (session) => {
          await session.transaction(() => session.add(user('dan')))
        })
        expect(await seenNames(database)).toEqual(['ann', 'bob', 'cid', 'dan'])
      })
      expect(await seenNames(database)).toEqual(['ann', 'bob'])
      await withRollback(database, async () => {
        expect(await seenNames(database)).toEqual(['ann', 'bob'])
      })
    })
    expect(await names(query)).toEqual(['ann'])
  })

  it('take an app with the plugin, or a database', async () => {
    await expect(withRollback({} as Database, () => {})).rejects.toThrow(
      'withRollback() expected a Database, or an app in whose own scope fastify-data-bridge is registered',
    )
    await expect(withRollback(database, undefined as never)).rejects.toThrow(
      'withRollback() expected a function, got undefined',
    )
  })

  it('fail where the database cannot be reached', async () => {
    await using lost = new Database({ connectionString: url.replace(/:\d+\//, ':1/') })
    await expect(withRollback(lost, () => {})).rejects.toMatchObject({
      code: 'DATA_BRIDGE_ERR_UNREACHABLE',
    })
  })
})
