import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import { user } from '../../support/entities.ts'
import { twoDatabases } from './two-databases.ts'
import { holdCommits, holdLock, names, type Served, serve, untilBlocked } from '../serve.ts'

const { main, reports, mainOptions, reportsOptions, serveBoth } = await twoDatabases()

const stored = async (): Promise<unknown> => ({
  main: await names(main.query),
  reports: await names(reports.query),
})

const writeBoth = ({ sessions }: { sessions: { main: Session; reports: Session } }): string => {
  sessions.main.add(user('ann'))
  sessions.reports.add(user('zoe'))
  return 'both'
}

/** A stream that writes to both when its first bytes have left. */
const serveStream = (closed: () => void = () => {}): Promise<Served> =>
  serveBoth((app) => {
    const config = { dataBridge: { stream: 'deferred' } } as const
    app.post('/', { config }, async ({ sessions }, reply) => {
      const { main: first, reports: second } = sessions
      reply.raw.once('close', closed)
      async function* bytes(): AsyncGenerator<string> {
        yield 'some, '
        writeBoth({ sessions: { main: first, reports: second } })
        yield 'more'
      }
      return reply.send(Readable.from(bytes()))
    })
  })

describe('a request that uses two databases', () => {
  it('commits both', async () => {
    await using served = await serveBoth((app) =>
      app.post('/', async (request) => writeBoth(request)),
    )
    expect((await served.fetch('/', { method: 'POST' })).status).toBe(200)
    expect(await stored()).toEqual({ main: ['ann'], reports: ['zoe'] })
  })

  it('rolls both back on an error, and on a status from 400 on', async () => {
    await using served = await serveBoth((app) => {
      const flush = async ({ sessions }: Parameters<typeof writeBoth>[0]): Promise<void> => {
        writeBoth({ sessions })
        await Promise.all([sessions.main.flush(), sessions.reports.flush()])
      }
      app.post('/fails', async (request) => {
        await flush(request)
        throw new Error('boom')
      })
      app.post('/refuses', async (request, reply) => {
        await flush(request)
        return reply.code(422).send('no')
      })
    })
    expect((await served.fetch('/fails', { method: 'POST' })).status).toBe(500)
    expect((await served.fetch('/refuses', { method: 'POST' })).status).toBe(422)
    expect(await stored()).toEqual({ main: [], reports: [] })
  })

  it('rolls both back when its client leaves', async () => {
    const written = Promise.withResolvers<void>()
    const left = Promise.withResolvers<void>()
    await using served = await serveBoth((app) => {
      app.post('/', async (request, reply) => {
        const { sessions } = request
        writeBoth(request)
        await Promise.all([sessions.main.flush(), sessions.reports.flush()])
        reply.raw.once('close', left.resolve)
        written.resolve()
        await left.promise
        return 'nobody reads this'
      })
    })
    const leaving = new AbortController()
    const response = served.fetch('/', { method: 'POST', signal: leaving.signal })
    await written.promise
    leaving.abort()
    await expect(response).rejects.toThrow('aborted')
    await left.promise
    await expect.poll(() => main.database.usage.total - main.database.usage.idle).toBe(0)
    await expect.poll(() => reports.database.usage.total - reports.database.usage.idle).toBe(0)
    expect(await stored()).toEqual({ main: [], reports: [] })
  })

  it('commits both where its client leaves when the COMMIT of the first is on the wire', async () => {
    await holdCommits(main.query, 9, 'ann')
    const left = Promise.withResolvers<void>()
    const lock = await holdLock(main.url, 9)
    await using served = await serveBoth((app) => {
      app.post('/', async (request, reply) => {
        reply.raw.once('close', left.resolve)
        return writeBoth(request)
      })
    })
    const leaving = new AbortController()
    const response = served.fetch('/', { method: 'POST', signal: leaving.signal })
    await untilBlocked(main.query, 'commit')
    leaving.abort()
    await expect(response).rejects.toThrow('aborted')
    await left.promise
    await lock[Symbol.asyncDispose]()
    await expect.poll(stored).toEqual({ main: ['ann'], reports: ['zoe'] })
    await main.query('drop function hold cascade')
  })

  it('does so too at the end of a deferred stream', async () => {
    await holdCommits(main.query, 9, 'ann')
    const left = Promise.withResolvers<void>()
    const lock = await holdLock(main.url, 9)
    await using served = await serveStream(left.resolve)
    const leaving = new AbortController()
    const response = await served.fetch('/', { method: 'POST', signal: leaving.signal })
    await untilBlocked(main.query, 'commit')
    leaving.abort()
    await expect(response.text()).rejects.toThrow('aborted')
    await left.promise
    await lock[Symbol.asyncDispose]()
    await expect.poll(stored).toEqual({ main: ['ann'], reports: ['zoe'] })
    await main.query('drop function hold cascade')
  })

  it('commits both after the last byte of a deferred stream', async () => {
    await using served = await serveStream()
    const response = await served.fetch('/', { method: 'POST' })
    expect(await response.text()).toBe('some, more')
    expect(await stored()).toEqual({ main: ['ann'], reports: ['zoe'] })
  })

  it('commits each by a commitOn of its own', async () => {
    await using served = await serve({ ...mainOptions, commitOn: () => true }, (app) => {
      app.register(dataBridge, reportsOptions)
      app.post('/', async (request, reply) => reply.code(409).send(writeBoth(request)))
    })
    expect((await served.fetch('/', { method: 'POST' })).status).toBe(409)
    expect(await stored()).toEqual({ main: ['ann'], reports: [] })
  })

  it('holds the options of its route for both', async () => {
    await using served = await serveBoth((app) => {
      const config = { dataBridge: { readOnly: true } }
      app.get('/', { config }, async ({ sessions: { main: first, reports: second } }) => {
        const setting = sql`select current_setting('transaction_read_only') as "readOnly"`
        return [...(await first.execute(setting)), ...(await second.execute(setting))]
      })
    })
    expect(await (await served.fetch('/')).json()).toEqual([{ readOnly: 'on' }, { readOnly: 'on' }])
  })
})

describe('a request of which one database refuses the commit', () => {
  const refusing = async ({ query }: typeof main): Promise<AsyncDisposable> => {
    await query('alter table users drop constraint users_email_key')
    await query(
      'alter table users add constraint users_email_key unique (email) deferrable initially deferred',
    )
    await query(`insert into users (name, email) values ('taken', 'ann@example.com')`)
    await query(`insert into users (name, email) values ('taken', 'zoe@example.com')`)
    return {
      [Symbol.asyncDispose]: async () => {
        await query('delete from users')
        await query('alter table users drop constraint users_email_key')
        await query('alter table users add constraint users_email_key unique (email)')
      },
    }
  }

  it('is a 500 that saves nothing, where it is that which was registered first', async () => {
    await using served = await serveBoth((app) =>
      app.post('/', async (request) => writeBoth(request)),
    )
    await using _refusing = await refusing(main)
    const response = await served.fetch('/', { method: 'POST' })
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_COMMIT_FAILED' })
    expect(await stored()).toEqual({ main: ['taken', 'taken'], reports: [] })
  })

  it.each<[string, (app: FastifyInstance) => void]>([
    ['', () => {}],
    [
      ', also with an error handler that sets no status',
      (app) => app.setErrorHandler(async () => ({ sorry: true })),
    ],
  ])(
    'is a 500 where it is the second: what the first has saved stays, and the log says so%s',
    async (_title, more) => {
      await using served = await serveBoth((app) => {
        more(app)
        app.post('/', async (request) => writeBoth(request))
      })
      await using _refusing = await refusing(reports)
      const response = await served.fetch('/', { method: 'POST' })
      expect(response.status).toBe(500)
      expect(await response.text()).not.toContain('both')
      expect(await stored()).toEqual({ main: ['ann'], reports: ['taken', 'taken'] })
      expect(served.logs.map(({ msg }) => msg)).toContainEqual(
        expect.stringMatching(/failed after its commit: what it wrote is saved/),
      )
    },
  )

  it('is never a success where a flush fails', async () => {
    await reports.query(`insert into users (name, email) values ('taken', 'zoe@example.com')`)
    await using served = await serveBoth((app) =>
      app.post('/', async (request) => writeBoth(request)),
    )
    const response = await served.fetch('/', { method: 'POST' })
    expect(response.status).toBe(409)
    expect(await names(reports.query)).toEqual(['taken'])
  })

  it('never ends a deferred stream as complete', async () => {
    await using served = await serveStream()
    await using _refusing = await refusing(reports)
    const response = await served.fetch('/', { method: 'POST' })
    await expect(response.text()).rejects.toThrow('terminated')
    expect(await names(reports.query)).toEqual(['taken', 'taken'])
  })
})
