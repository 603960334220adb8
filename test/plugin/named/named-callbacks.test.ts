import type { FastifyInstance, FastifyRequest } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { User, user } from '../../support/entities.ts'
import dataBridge from '../../../plugin/index.ts'
import { names, serve, type Served } from '../serve.ts'
import { twoDatabases } from './two-databases.ts'

const { main, reports, mainOptions, reportsOptions, serveBoth } = await twoDatabases()

let ran: string[] = []
beforeEach(() => void (ran = []))

/** What is stored when a callback runs. */
const note = (name: string) => async (): Promise<void> => {
  const stored = [await names(main.query), await names(reports.query)]
  ran.push(`${name}: ${stored.map(String).join(' and ')}`)
}

const writeBoth = ({ sessions }: FastifyRequest): string => {
  sessions.main.add(user('ann'))
  sessions.main.afterCommit(note('main'))
  sessions.reports.add(user('zoe'))
  sessions.reports.afterCommit(note('reports'))
  return 'both'
}

/** Refuses a second user of this name at COMMIT. */
const refuseCommit = async ({ query }: typeof main, name: string): Promise<AsyncDisposable> => {
  await query(`
    create function refuse() returns trigger language plpgsql as $$
      begin raise exception 'refused' using errcode = '23514'; end $$`)
  await query(`
    create constraint trigger refuse after insert on users deferrable initially deferred
    for each row when (new.name = '${name}') execute function refuse()`)
  return { [Symbol.asyncDispose]: async () => void (await query('drop function refuse cascade')) }
}

/** With a hook between the commits of the two. */
const serveBetween = (between: (app: FastifyInstance) => void): Promise<Served> =>
  serve(mainOptions, (app) => {
    between(app)
    app.register(dataBridge, reportsOptions)
    app.get('/', async (request) => writeBoth(request))
  })

describe('afterCommit(fn) in a request with two databases', () => {
  it('runs after both commits, in their order, before the response', async () => {
    await using served = await serveBoth((app) =>
      app.get('/', async (request, reply) => {
        reply.raw.once('finish', () => ran.push('left'))
        return writeBoth(request)
      }),
    )
    expect((await served.fetch('/')).status).toBe(200)
    expect(ran).toEqual(['main: ann and zoe', 'reports: ann and zoe', 'left'])
  })

  it('never waits for a lock that the other session of its request holds', async () => {
    await reports.query(`insert into users (name, email) values ('counter', 'c')`)
    await using served = await serveBoth((app) =>
      app.get('/', async (request) => {
        const counter = await request.sessions.reports.find(User).forUpdate().one()
        counter.age = 1
        request.sessions.main.add(user('ann'))
        request.sessions.main.afterCommit(() =>
          app.dataBridges.reports.run(async (session) => {
            const same = await session.find(User).forUpdate().one()
            same.age = (same.age ?? 0) + 1
          }),
        )
        return 'done'
      }),
    )
    expect((await served.fetch('/')).status).toBe(200)
    expect(await reports.query('select age from users')).toEqual([{ age: 2 }])
    expect(served.logs.filter(({ level }) => level >= 40)).toEqual([])
  })

  it('runs where the other session has only read, and where it was never used', async () => {
    await using served = await serveBoth((app) => {
      app.get('/read', async ({ sessions }) => {
        sessions.main.afterCommit(note('main'))
        return { users: await sessions.reports.find(User).count() }
      })
      app.get('/second', async ({ sessions }) => {
        sessions.reports.afterCommit(note('reports'))
        return { users: await sessions.main.find(User).count() }
      })
      app.get('/alone', async ({ sessions }) => sessions.reports.afterCommit(note('alone')))
    })
    for (const path of ['/read', '/second', '/alone']) await served.fetch(path)
    expect(ran.map((line) => line.split(':')[0])).toEqual(['main', 'reports', 'alone'])
  })

  it('runs for the first database alone where the second refuses its commit', async () => {
    await using _refusing = await refuseCommit(reports, 'zoe')
    await using served = await serveBoth((app) =>
      app.get('/', async (request) => writeBoth(request)),
    )
    const response = await served.fetch('/')
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN' })
    expect(ran).toEqual(['main: ann and '])
  })

  it('does not run where the first database refuses its commit', async () => {
    await using _refusing = await refuseCommit(main, 'ann')
    await using served = await serveBoth((app) =>
      app.get('/', async (request) => writeBoth(request)),
    )
    expect((await served.fetch('/')).status).toBe(500)
    expect(ran).toEqual([])
  })

  it('runs for the first database where a hook between the commits throws', async () => {
    await using served = await serveBetween((app) =>
      app.addHook('onSend', async (_request, reply) => {
        if (reply.statusCode < 400) throw new Error('between')
      }),
    )
    expect((await served.fetch('/')).status).toBe(500)
    expect(ran).toEqual(['main: ann and '])
  })

  it('runs for the first database where a hook between the commits never ends, when the client leaves', async () => {
    const reached = Promise.withResolvers<void>()
    const end = Promise.withResolvers<void>()
    await using served = await serveBetween((app) =>
      app.addHook('onSend', async () => {
        reached.resolve()
        await end.promise
      }),
    )
    const leaving = new AbortController()
    const response = served.fetch('/', { signal: leaving.signal })
    await reached.promise
    expect(ran).toEqual([])
    leaving.abort()
    await expect(response).rejects.toThrow('aborted')
    await expect.poll(() => ran).toEqual(['main: ann and '])
    end.resolve()
    await expect.poll(() => ran).toHaveLength(2)
    expect(ran[1]).toBe('reports: ann and zoe')
  })
})
