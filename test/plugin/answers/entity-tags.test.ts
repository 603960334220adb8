import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, RouteShorthandOptions } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  belongsTo,
  hasMany,
  integer,
  selectinload,
  type Session,
  sql,
  table,
  text,
} from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { recordWire } from '../../support/recorder.ts'
import { serve, watchForLeaks } from '../serve.ts'

export class Account extends table('accounts', {
  id: integer().primaryKey().generated(),
  name: text(),
  version: integer().version().hidden(),
  cards: () => hasMany(Card, 'accountId'),
}) {}
export class Card extends table(
  'cards',
  {
    id: integer().primaryKey().generated(),
    label: text(),
    accountId: integer().references(() => Account),
    account: () => belongsTo(Account, 'accountId'),
  },
  { version: 'xmin' },
) {}
class Tag extends table('tags', { id: integer().primaryKey().generated(), name: text() }) {}

const stored = await testDatabase([Account, Card, Tag])
const { database, query } = stored
watchForLeaks(stored)
beforeEach(async () => {
  await stored.truncate()
  await query(`
    insert into accounts (name) values ('ann'), ('bob');
    insert into cards (label, account_id) values ('visa', 1), ('amex', 1);
    insert into tags (name) values ('x')`)
})

const tags: RouteShorthandOptions = { config: { dataBridge: { etag: true } } }

/** An application whose routes have `etag: true`. */
const served = (routes: (app: FastifyInstance) => void) => serve({ database }, routes)

const account = (app: FastifyInstance, path = '/a/:id') =>
  app.get<{ Params: { id: string } }>(path, tags, async ({ session, params }) =>
    session.getOrThrow(Account, Number(params.id)),
  )

describe('the ETag of a response', () => {
  it('is strong and opaque, and belongs to one version of one row', async () => {
    await using app = await served((one) => {
      account(one)
      one.get<{ Params: { id: string } }>('/c/:id', tags, async ({ session, params }) =>
        session.getOrThrow(Card, Number(params.id)),
      )
    })
    const tagOf = async (path: string) => (await app.fetch(path)).headers.get('etag')
    const first = await tagOf('/a/1')
    expect(first).toMatch(/^"[\w-]{22}"$/)
    expect(await tagOf('/a/1')).toBe(first)
    const others = [await tagOf('/a/2'), await tagOf('/c/1'), await tagOf('/c/2')]
    await query('update accounts set version = 2; update cards set label = label')
    const later = [await tagOf('/a/1'), await tagOf('/c/1')]
    expect(new Set([first, ...others, ...later]).size).toBe(6)
    await query('update accounts set version = 1')
    expect(await tagOf('/a/1')).toBe(first)
  })

  it('is the same in another process, with another database object', async () => {
    await using one = await served((app) => account(app))
    await using two = await serve({ connectionString: stored.url }, (app) => account(app))
    const [first, second] = [await one.fetch('/a/1'), await two.fetch('/a/1')]
    expect(second.headers.get('etag')).toBe(first.headers.get('etag'))
    // Written down here: a release that changes it makes every client read again.
    expect(first.headers.get('etag')).toBe('"fbZNxms21qHnRdUlt5BBWd"')
  })

  it('is that of the version after the commit, however the entity is answered', async () => {
    await using app = await served((one) => {
      account(one)
      one.post('/returned', tags, async ({ session }) => {
        const row = await session.getOrThrow(Account, 1)
        row.name += '!'
        return row
      })
      one.post('/sent', tags, (request, reply) => {
        void request.session.getOrThrow(Account, 1).then((row) => {
          row.name += '!'
          return reply.code(201).send(row)
        })
      })
      one.post('/flushed', tags, async ({ session }, reply) => {
        const row = await session.getOrThrow(Account, 1)
        row.name += '!'
        await session.flush()
        row.name += '?'
        return reply.send(row)
      })
      one.post('/committed', tags, async ({ session }) => {
        const row = await session.getOrThrow(Account, 1)
        row.name += '!'
        await session.commit()
        return row
      })
      one.post(
        '/late',
        {
          ...tags,
          preSerialization: async (_request, _reply, payload) => {
            ;(payload as Account).name += '!'
            return payload
          },
        },
        async ({ session }) => session.getOrThrow(Account, 1),
      )
      one.post(
        '/schema',
        {
          ...tags,
          schema: {
            response: { 200: { type: 'object', properties: { name: { type: 'string' } } } },
          },
        },
        async ({ session }) => {
          const row = await session.getOrThrow(Account, 1)
          row.name += '!'
          return row
        },
      )
    })
    for (const path of ['/returned', '/sent', '/flushed', '/committed', '/late', '/schema']) {
      const response = await app.fetch(path, { method: 'POST' })
      const { name } = (await response.json()) as { name: string }
      const after = await app.fetch('/a/1')
      expect([path, await after.json()]).toEqual([path, { id: 1, name }])
      expect([path, response.headers.get('etag')]).toEqual([path, after.headers.get('etag')])
      expect(after.headers.get('etag')).not.toBeNull()
    }
  })

  it('is that of a new row, and of one with xmin', async () => {
    await using app = await served((one) => {
      one.post('/', tags, async ({ session }, reply) => {
        const row = new Card({ label: 'new', accountId: 1 })
        session.add(row)
        return reply.code(201).send(row)
      })
      one.get('/', tags, async ({ session }) => session.find(Card).filter({ label: 'new' }).one())
    })
    const made = await app.fetch('/', { method: 'POST' })
    expect(made.status).toBe(201)
    expect(made.headers.get('etag')).toMatch(/^"/)
    expect((await app.fetch('/')).headers.get('etag')).toBe(made.headers.get('etag'))
  })

  it('of a changed row with xmin needs no flush before the commit', async () => {
    await using wire = recordWire(stored.url)
    await using app = await serve({ database: wire.database }, (one) => {
      one.get('/', tags, async ({ session }) => session.getOrThrow(Card, 1))
      one.post('/', tags, async ({ session }) => {
        const card = await session.getOrThrow(Card, 1)
        card.label += '!'
        return card
      })
    })
    for (let time = 0; time < 2; time += 1) {
      wire.clear()
      const response = await app.fetch('/', { method: 'POST' })
      expect(response.headers.get('etag')).toMatch(/^"/)
      expect(response.headers.get('etag')).toBe((await app.fetch('/')).headers.get('etag'))
    }
    // With a guard, since it travels with COMMIT.
    expect(wire.texts.find((text) => text.includes('update'))).toMatch(/^with written/)
  })

  it('is sent to HEAD too', async () => {
    await using app = await served((one) => account(one))
    const head = await app.fetch('/a/1', { method: 'HEAD' })
    expect(head.headers.get('etag')).toBe((await app.fetch('/a/1')).headers.get('etag'))
    expect(head.headers.get('etag')).not.toBeNull()
  })

  it('is sent for an entity of another session, without one of the request', async () => {
    await using app = await served((one) => {
      account(one)
      one.get('/other', tags, () => database.run((session) => session.getOrThrow(Account, 1)))
    })
    const tag = (await app.fetch('/other')).headers.get('etag')
    expect(tag).toBe((await app.fetch('/a/1')).headers.get('etag'))
  })

  it('never makes a 304', async () => {
    await using app = await served((one) => account(one))
    const tag = (await app.fetch('/a/1')).headers.get('etag') ?? ''
    for (const wanted of [tag, '*', `W/${tag}`]) {
      const response = await app.fetch('/a/1', { headers: { 'if-none-match': wanted } })
      expect([response.status, await response.json()]).toEqual([200, { id: 1, name: 'ann' }])
    }
  })

  it('of the application stays', async () => {
    await using app = await served((one) => {
      one.get('/', tags, async ({ session }, reply) => {
        reply.header('etag', '"mine"')
        return session.getOrThrow(Account, 1)
      })
      one.get('/raw', tags, async ({ session }, reply) => {
        reply.raw.setHeader('etag', '"raw"')
        return session.getOrThrow(Account, 1)
      })
      one.get(
        '/hook',
        {
          ...tags,
          onSend: async (_request, reply, payload) => {
            reply.header('etag', '"hook"')
            return payload
          },
        },
        async ({ session }) => session.getOrThrow(Account, 1),
      )
    })
    expect((await app.fetch('/')).headers.get('etag')).toBe('"mine"')
    expect((await app.fetch('/raw')).headers.get('etag')).toBe('"raw"')
    expect((await app.fetch('/hook')).headers.get('etag')).toBe('"hook"')
  })

  it('of the application is not what If-Match is compared with', async () => {
    await using app = await served((one) => {
      account(one)
      one.post('/', tags, async ({ session }, reply) => {
        reply.header('etag', '"mine"')
        const row = await session.getOrThrow(Account, 1)
        row.name = 'x'
      })
    })
    const tag = (await app.fetch('/a/1')).headers.get('etag') ?? ''
    const post = (wanted: string) =>
      app.fetch('/', { method: 'POST', headers: { 'if-match': wanted } })
    expect((await post('"mine"')).status).toBe(412)
    expect((await post(tag)).status).toBe(200)
  })
})

describe('no ETag', () => {
  const routes = (one: FastifyInstance): void => {
    const get = (path: string, handler: (session: Session, reply: FastifyReply) => unknown) =>
      one.get(path, tags, async ({ session }, reply) => handler(session, reply))
    get('/list', (session) => session.find(Account).toList())
    get('/wrapped', async (session) => ({ account: await session.get(Account, 1) }))
    get('/copied', async (session) => Object.assign({}, await session.get(Account, 1)))
    get('/null', (session) => session.get(Account, 99))
    get('/unversioned', (session) => session.get(Tag, 1))
    get('/unstored', () => new Account({ name: 'x' }))
    get('/text', async (session) => JSON.stringify(await session.get(Account, 1)))
    get('/stream', async (session) =>
      Readable.from([JSON.stringify(await session.get(Account, 1))]),
    )
    get('/loaded', (session) =>
      session.find(Account).filter({ id: 1 }).options(selectinload(Account.cards)).one(),
    )
    get('/awaited', async (session) => {
      const row = await session.getOrThrow(Account, 1)
      await row.cards
      return row
    })
    get('/status', async (session, reply) => reply.code(409).send(await session.get(Account, 1)))
    get('/moved', async (session, reply) => reply.code(300).send(await session.get(Account, 1)))
    get('/changed-elsewhere', async (session) => {
      const row = await session.getOrThrow(Account, 1)
      row.name = 'x'
      await session.flush()
      await session.rollback()
      return row
    })
    one.get(
      '/uncommitted',
      { config: { dataBridge: { etag: true, commitOn: () => false } } },
      async ({ session }) => {
        const row = await session.getOrThrow(Account, 1)
        row.name = 'never'
        return row
      },
    )
    one.get('/without', async ({ session }) => session.get(Account, 1))
    one.get('/off', { config: { dataBridge: { etag: false } } }, async ({ session }) =>
      session.get(Account, 1),
    )
    get('/failed-commit', async (session) => {
      const row = await session.getOrThrow(Account, 1)
      session.add(new Card({ label: 'x', accountId: 1 }))
      await session.execute(
        sql`alter table cards add constraint later unique (label) deferrable initially deferred`,
      )
      session.add(new Card({ label: 'x', accountId: 1 }))
      return row
    })
    one.get(
      '/failed-hook',
      {
        ...tags,
        onSend: async () => {
          throw new Error('later')
        },
      },
      async ({ session }) => session.get(Account, 1),
    )
    one.get('/deleted', tags, async ({ session }) => {
      const card = await session.getOrThrow(Card, 1)
      session.delete(card)
      return card
    })
    one.register(async (child) => {
      child.setErrorHandler(async (_error, _request, reply) => {
        return reply.code(200).send(await database.run((own) => own.getOrThrow(Account, 1)))
      })
      child.get('/handled', tags, async ({ session }) => {
        await session.get(Account, 1)
        throw new Error('handled')
      })
    })
  }
  const paths: [string, number][] = [
    ['/list', 200],
    ['/wrapped', 200],
    ['/copied', 200],
    ['/null', 200],
    ['/unversioned', 200],
    ['/unstored', 200],
    ['/text', 200],
    ['/stream', 200],
    ['/loaded', 200],
    ['/awaited', 200],
    ['/status', 409],
    ['/moved', 300],
    ['/changed-elsewhere', 200],
    ['/uncommitted', 200],
    ['/without', 200],
    ['/off', 200],
    ['/failed-commit', 500],
    ['/failed-hook', 500],
    ['/deleted', 200],
    ['/handled', 200],
  ]
  it.each(paths)('%s', async (path, status) => {
    await using app = await served(routes)
    const response = await app.fetch(path)
    await response.text()
    expect([response.status, response.headers.get('etag')]).toEqual([status, null])
  })
})

it('the tag of an entity comes after the commit of its own database', async () => {
  await using app = await serve({ database }, (one) => {
    one.register(dataBridge, { connectionString: stored.url, name: 'second' })
    account(one)
    one.post('/', tags, async (request) => {
      const second = (request.sessions as unknown as { second: typeof request.session }).second
      await request.session.get(Account, 2)
      const row = await second.getOrThrow(Account, 1)
      row.name = randomUUID()
      return row
    })
  })
  const response = await app.fetch('/', { method: 'POST' })
  expect(response.status).toBe(200)
  expect(response.headers.get('etag')).not.toBeNull()
  expect(response.headers.get('etag')).toBe((await app.fetch('/a/1')).headers.get('etag'))
})
