import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { Database, type Session, sql } from '../../orm/index.ts'
import dataBridge from '../../plugin/index.ts'
import { withRollback } from '../../plugin/testing/index.ts'
import { protocols } from '../plugin/client.ts'
import { names, type Served, serve, watchForLeaks } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post, user, User } from '../support/entities.ts'
import { seenNames } from './seen-names.ts'

const stored = await testDatabase(blog, { timeouts: { statement: 2000 } })
const { url, database, query } = stored
await query(
  'alter table posts add constraint late_title unique (title) deferrable initially deferred',
)
await query('alter table comments add constraint body unique (body) deferrable initially immediate')
await query(`
  create function conflict() returns trigger language plpgsql as $$
    begin raise exception 'conflict' using errcode = '40001'; end $$`)
await query(`
  create constraint trigger conflict after insert on users deferrable initially deferred
  for each row when (new.name = 'conflict') execute function conflict()`)

watchForLeaks(stored)
beforeEach(async () => {
  await stored.truncate()
  await query(`insert into users (name, email) values ('ann', 'ann@example.com')`)
  await query(`insert into posts (title, author_id) values ('taken', 1)`)
})

async function served(
  routes: (app: FastifyInstance) => void,
  options: Parameters<typeof serve>[0] = { database },
): Promise<Served> {
  const started = await serve(options, routes)
  onTestFinished(() => started.app.close())
  return started
}

const namesIn = (from: Database = database): Promise<string[]> => seenNames(from)

async function untilSleeping(count: number): Promise<void> {
  if (count === 0) return
  const running = `select from pg_stat_activity where query = 'select pg_sleep(600)' and state = 'active'`
  await expect.poll(() => query(running)).toHaveLength(count)
}

describe('a commit that fails in withRollback', () => {
  for (const kind of ['constraint', 'conflict'] as const) {
    it(`is answered as in production: ${kind}`, async () => {
      const told: string[] = []
      const { app } = await served((each) => {
        each.post('/', async ({ session }) => {
          session.add(user(kind))
          session.afterCommit(() => void told.push('committed'))
          if (kind === 'constraint') session.add(new Post({ title: 'taken', authorId: 1 }))
          return {}
        })
      })
      const request = async (): Promise<object> => {
        const { statusCode, body } = await app.inject({ method: 'POST', url: '/' })
        return { statusCode, body }
      }
      const usual = await request()
      expect(usual).toMatchObject({ statusCode: kind === 'constraint' ? 500 : 503 })
      await withRollback(app, async () => {
        expect(await request()).toEqual(usual)
        expect(await request()).toEqual(usual)
        expect(await namesIn()).toEqual(['ann'])
      })
      expect(told).toEqual([])
    })
  }

  it('leaves each constraint as deferred as it was', async () => {
    const twice = (values: string) =>
      database.transaction(async (session) => {
        await session.execute(sql`insert into users (name, email) values ('bob', ${values})`)
        const [{ id } = { id: 0 }] = await session.execute<{ id: number }>(
          sql`insert into posts (title, author_id) values ('taken', 1) returning id`,
        )
        await session.execute(sql`update posts set title = ${values} where id = ${id}`)
      })
    const immediate = database.run(async (session) => {
      await session.execute(sql`insert into comments (body, post_id) values ('a', 1)`)
      const again = session.execute(sql`insert into comments (body, post_id) values ('a', 1)`)
      await expect(again).rejects.toMatchObject({ sqlState: '23505' })
    })
    await immediate.catch(() => {})
    await withRollback(database, async () => {
      await twice('one')
      await twice('two')
      const failing = database.run(async (session) => {
        await session.execute(sql`insert into comments (body, post_id) values ('a', 1)`)
        await session.execute(sql`insert into comments (body, post_id) values ('a', 1)`)
        throw new Error('the second was not refused at once')
      })
      await expect(failing).rejects.toMatchObject({ sqlState: '23505' })
    })
  })

  it('does not check what a transaction around it has still to do', async () => {
    await withRollback(database, async () => {
      await database.run(async (outer) => {
        await outer.execute(sql`insert into posts (title, author_id) values ('taken', 1)`)
        await database.run((inner) => inner.add(user('bob')))
        await outer.execute(sql`update posts set title = 'free' where id <> 1`)
      })
      expect(await namesIn()).toEqual(['ann', 'bob'])
    })
  })
})

describe('what goes wrong in withRollback', () => {
  it('is undone where a time limit ends it', async () => {
    const { app } = await served((each) => {
      each.get(
        '/statement',
        { config: { dataBridge: { timeouts: { statement: 100 } } } },
        async ({ session }) => {
          session.add(user('bob'))
          await session.flush()
          await session.execute(sql`select pg_sleep(5)`)
          return {}
        },
      )
      each.get(
        '/long',
        { config: { dataBridge: { timeouts: { transaction: 100 } } } },
        async ({ session }) => {
          session.add(user('bob'))
          await session.flush()
          await session.execute(sql`select pg_sleep(5)`)
          return {}
        },
      )
    })
    await withRollback(app, async () => {
      expect((await app.inject('/statement')).statusCode).toBe(504)
      expect((await app.inject('/long')).statusCode).toBe(504)
      expect(await namesIn()).toEqual(['ann'])
    })
  })

  for (const { name, isHttp2, request } of protocols) {
    it(`is undone where its client leaves: ${name}`, async () => {
      const working = Promise.withResolvers<void>()
      const ended = Promise.withResolvers<unknown>()
      const { app, port } = await serve(
        { database },
        (each) => {
          each.route({
            method: ['GET', 'POST'],
            url: '/',
            handler: async ({ session }) => {
              session.add(user('bob'))
              await session.flush()
              working.resolve()
              const work = session.execute(sql`select pg_sleep(5)`)
              work.then(ended.resolve, ended.resolve)
              return work
            },
          })
        },
        { isHttp2 },
      )
      onTestFinished(() => app.close())
      await withRollback(app, async () => {
        const client = await request(port, '/')
        await working.promise
        client.leave()
        expect(await ended.promise).toBeInstanceOf(Error)
        await database.run((session) => session.add(user('cid')))
        expect(await namesIn()).toEqual(['ann', 'cid'])
      })
      expect(await names(query)).toEqual(['ann'])
    })
  }

  for (const [moment, sent] of [
    ['at once', 0],
    ['while its statement runs', 1],
  ] as const) {
    it(`is undone where a signal ends the session: ${moment}`, async () => {
      await using unlimited = new Database({ connectionString: url })
      await withRollback(unlimited, async () => {
        const controller = new AbortController()
        await using session = unlimited.session({ signal: controller.signal })
        session.add(user('bob'))
        await session.flush()
        const work = session.execute(sql`select pg_sleep(600)`)
        await untilSleeping(sent)
        controller.abort(new Error('enough'))
        await expect(work).rejects.toThrow('the signal of the session was aborted')
        expect(await namesIn(unlimited)).toEqual(['ann'])
      })
    })
  }

  it('is told where the connection is lost, and the next call works', async () => {
    const { app } = await served((each) => {
      each.post('/', async ({ session }) => {
        session.add(user('bob'))
        return {}
      })
    })
    const lost = withRollback(app, async () => {
      expect((await app.inject({ method: 'POST', url: '/' })).statusCode).toBe(200)
      const ending = database.run((session) =>
        session.execute(sql`select pg_terminate_backend(pg_backend_pid())`),
      )
      await expect(ending).rejects.toMatchObject({ code: 'DATA_BRIDGE_ERR_CONNECTION_LOST' })
      expect((await app.inject({ method: 'POST', url: '/' })).statusCode).toBe(503)
    })
    await expect(lost).rejects.toThrow('the connection of withRollback() was lost')
    expect(await names(query)).toEqual(['ann'])
    await withRollback(app, async () => {
      expect((await app.inject({ method: 'POST', url: '/' })).statusCode).toBe(200)
    })
    expect(await names(query)).toEqual(['ann'])
  })

  it('is told to a session that goes on behind the end', async () => {
    const session = database.session()
    await withRollback(database, async () => {
      session.add(user('bob'))
      await session.flush()
    })
    await expect(session.find(User).count()).rejects.toThrow('withRollback() has ended')
    await session.rollback()
    expect(await session.find(User).count()).toBe(1)
    await session.close()
  })

  it('does not keep the end waiting for a statement', async () => {
    let failure: Promise<unknown> | undefined
    await withRollback(database, async () => {
      const begun = Promise.withResolvers<void>()
      failure = database
        .run(async (session) => {
          await session.transaction(async () => {
            begun.resolve()
            await session.execute(sql`select pg_sleep(60)`)
          })
        })
        .catch((error: unknown) => error)
      await begun.promise
    })
    expect(await failure).toBeInstanceOf(Error)
  })

  it('is prepared again where its tables change', async () => {
    await query(`
      create function widen() returns void language plpgsql as $$
        begin alter table users alter column email type varchar(50); end $$`)
    await withRollback(database, async () => {
      await namesIn()
      await database.run((session) => session.execute(sql`select widen()`))
      expect(await namesIn()).toEqual(['ann'])
      await database.run((session) => session.add(user('bob')))
      expect(await namesIn()).toEqual(['ann', 'bob'])
    })
    expect(await namesIn()).toEqual(['ann'])
  })
})

describe('databases of withRollback', () => {
  it('may have a pool of the application, whose settings stay', async () => {
    const onConnect = async (client: pg.ClientBase): Promise<void> => {
      await client.query('set search_path = other')
    }
    const settings: object = { onConnect }
    const pool = new pg.Pool({ connectionString: url, max: 2, ...settings })
    await query('create schema other')
    await query('create table other.users (like public.users including all)')
    await using own = new Database({ pool })
    onTestFinished(() => pool.end())
    await withRollback(own, async () => {
      await own.run((session) => session.add(user('bob')))
      await own.run((session) => session.add(user('cid')))
      const twice = own.run((session) => session.add(user('cid')))
      await expect(twice).rejects.toMatchObject({ code: 'DATA_BRIDGE_ERR_UNIQUE' })
      expect(await namesIn(own)).toEqual(['bob', 'cid'])
      await withRollback(own, async () => {
        await own.run((session) => session.add(user('dan')))
        expect(await namesIn(own)).toEqual(['bob', 'cid', 'dan'])
      })
      expect(await namesIn(own)).toEqual(['bob', 'cid'])
    })
    expect(await namesIn(own)).toEqual([])
    expect(await query('select name from other.users')).toEqual([])
  })

  it('are all of the app, those with a name too', async () => {
    const reports = await testDatabase(blog)
    const { app } = await served((each) => {
      each.register(dataBridge, { database: reports.database, name: 'reports' })
      each.register(dataBridge, { database, name: 'same' })
      each.post('/', async (request) => {
        request.session.add(user('bob'))
        const { reports: other } = request.sessions as unknown as { reports: Session }
        other.add(user('cid'))
        return {}
      })
    })
    await withRollback(app, async () => {
      expect((await app.inject({ method: 'POST', url: '/' })).statusCode).toBe(200)
      expect(await namesIn()).toEqual(['ann', 'bob'])
      expect(await namesIn(reports.database)).toEqual(['cid'])
    })
    expect(await names(query)).toEqual(['ann'])
    expect(await names(reports.query)).toEqual([])
  })
})
