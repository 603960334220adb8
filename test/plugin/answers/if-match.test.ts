import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest, RouteShorthandOptions } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { integer, type Session, sql, table, text } from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { serve, watchForLeaks } from '../serve.ts'

class Account extends table('accounts', {
  id: integer().primaryKey().generated(),
  name: text(),
  version: integer().version(),
}) {}
class Card extends table(
  'cards',
  { id: integer().primaryKey().generated(), label: text() },
  { version: 'xmin' },
) {}
class Entry extends table('entries', { id: integer().primaryKey().generated(), text: text() }) {}

const stored = await testDatabase([Account, Card, Entry])
const { database, query, url } = stored
watchForLeaks(stored)
beforeEach(async () => {
  await stored.truncate()
  await query(
    `insert into accounts (name) values ('ann'), ('bob'); insert into cards (label) values ('visa')`,
  )
})

const tags: RouteShorthandOptions = { config: { dataBridge: { etag: true } } }
const rows = () => query('select name, version from accounts order by id')
const untouched = [
  { name: 'ann', version: 1 },
  { name: 'bob', version: 1 },
]

type Work = (session: Session, request: FastifyRequest) => unknown

/** Routes by their path; each also has `GET /a/1` and `GET /c/1`. */
function served(works: Readonly<Record<string, Work>> = {}, options: object = { database }) {
  return serve(options, (app: FastifyInstance) => {
    app.get('/a/1', tags, async ({ session }) => session.getOrThrow(Account, 1))
    app.get('/c/1', tags, async ({ session }) => session.getOrThrow(Card, 1))
    for (const [path, work] of Object.entries(works))
      app.post(path, tags, async (request) => (await work(request.session, request)) ?? null)
  })
}
type App = Awaited<ReturnType<typeof served>>

const tagOf = async (app: App, path = '/a/1') => (await app.fetch(path)).headers.get('etag') ?? ''
const post = (app: App, path: string, ifMatch?: string) =>
  app.fetch(path, {
    method: 'POST',
    ...(ifMatch !== undefined && { headers: { 'if-match': ifMatch } }),
  })

const rename = async (session: Session): Promise<Account> => {
  const account = await session.getOrThrow(Account, 1)
  account.name = 'changed'
  return account
}
const remove = async (session: Session): Promise<void> =>
  session.delete(await session.getOrThrow(Account, 1))

const ways: Readonly<Record<string, Work>> = {
  '/returned': rename,
  '/unanswered': async (session) => void (await rename(session)),
  '/flushed': async (session) => {
    const account = await rename(session)
    await session.flush()
    account.name = 'changed again'
    return account
  },
  '/queried': async (session) => {
    await rename(session)
    return { count: await session.find(Account).count() }
  },
  '/committed': async (session) => {
    const account = await rename(session)
    await session.commit()
    return account
  },
  '/nested': async (session) => session.transaction(async () => rename(session)),
  '/locked': async (session) => {
    const account = await session.find(Account).filter({ id: 1 }).forUpdate().one()
    account.name = 'changed'
    return account
  },
  '/removed': remove,
  '/beside': async (session) => {
    session.add(new Entry({ text: 'x' }), new Account({ name: 'new' }))
    await session.flush()
    return rename(session)
  },
}

describe('If-Match', () => {
  it.each(Object.keys(ways))('lets the version that was read be written: %s', async (path) => {
    await using app = await served(ways)
    const response = await post(app, path, await tagOf(app))
    expect([response.status, await rows()]).not.toEqual([200, untouched])
    expect(response.status).toBe(200)
  })

  it.each(Object.keys(ways))('refuses to write another version: %s', async (path) => {
    await using app = await served(ways)
    const old = await tagOf(app)
    await query('update accounts set version = 2 where id = 1')
    const response = await post(app, path, old)
    expect(response.status).toBe(412)
    expect(response.headers.get('etag')).toBeNull()
    expect(await response.json()).toMatchObject({
      code: 'DATA_BRIDGE_ERR_PRECONDITION',
      message: 'It has another version than the request expects.',
    })
    expect(await rows()).toEqual([{ name: 'ann', version: 2 }, untouched[1]])
    expect(await query('select from entries')).toEqual([])
  })

  it('lets a client follow the tags of its own writes', async () => {
    await using app = await served(ways)
    let tag = await tagOf(app)
    for (let time = 0; time < 3; time += 1) {
      await query(`update accounts set name = 'ann'`)
      const response = await post(app, '/returned', tag)
      expect(response.status).toBe(200)
      tag = response.headers.get('etag') ?? ''
    }
    expect(await tagOf(app)).toBe(tag)
    expect(await rows()).toMatchObject([{ version: 4 }, {}])
  })

  it('compares strongly, in a list too', async () => {
    await using app = await served(ways)
    const tag = await tagOf(app)
    for (const [header, status] of [
      [`W/${tag}`, 412],
      [`"x", W/${tag}`, 412],
      ['"x"', 412],
      ['""', 412],
      [`"a,b" ,, ${tag},`, 200],
    ] as const)
      expect([header, (await post(app, '/returned', header)).status]).toEqual([header, status])
  })

  it('* lets every version be written, but no row be made', async () => {
    await using app = await served({
      ...ways,
      '/made': (session) => {
        const account = new Account({ name: 'new' })
        session.add(account)
        return account
      },
      '/silently-made': (session) => session.add(new Account({ name: 'new' })),
      '/missing': (session) => session.getOrThrow(Account, 99),
    })
    expect((await post(app, '/returned', '*')).status).toBe(200)
    expect((await post(app, '/made', '*')).status).toBe(412)
    expect((await post(app, '/silently-made', '*')).status).toBe(412)
    expect((await post(app, '/missing', '*')).status).toBe(404)
    expect(await rows()).toHaveLength(2)
    expect((await post(app, '/removed', '*')).status).toBe(200)
    expect(await rows()).toHaveLength(1)
  })

  it.each(['', 'x', '"a" "b"', '"a', '*, "a"', 'w/"a"', '"a";', ','])(
    'answers 400 if it is malformed: %s',
    async (header) => {
      await using app = await served(ways)
      // Fetch trims and refuses nothing of this.
      const response = await post(app, '/returned', header)
      expect([response.status, await response.json()]).toMatchObject([
        400,
        { code: 'DATA_BRIDGE_ERR_INVALID_VALUE' },
      ])
      expect(await rows()).toEqual(untouched)
    },
  )

  it('answers 500 if the request writes several entities with versions, and logs why', async () => {
    const works: Readonly<Record<string, Work>> = {
      '/two': async (session) => {
        for (const account of await session.find(Account).toList()) account.name = 'x'
      },
      '/later': async (session) => {
        await rename(session)
        await session.flush()
        session.delete(await session.getOrThrow(Card, 1))
      },
    }
    await using app = await served(works)
    const tag = await tagOf(app)
    for (const path of Object.keys(works)) {
      for (const header of [tag, '*']) expect((await post(app, path, header)).status).toBe(500)
      expect(app.logs.at(-2)?.err).toMatchObject({ code: 'DATA_BRIDGE_ERR_FLUSH' })
    }
    expect(app.logs.map(({ err }) => err?.stack).join('\n')).toContain(
      'If-Match expected a request that writes one entity with a version, got 2, of Account',
    )
    expect(await rows()).toEqual(untouched)
    expect((await post(app, '/two')).status).toBe(200)
  })

  it('is compared with the answered entity if the request writes none', async () => {
    await using app = await served({ '/same': (session) => session.getOrThrow(Account, 1) })
    const tag = await tagOf(app)
    const get = (header: string) => app.fetch('/a/1', { headers: { 'if-match': header } })
    for (const send of [get, (header: string) => post(app, '/same', header)]) {
      expect((await send(tag)).status).toBe(200)
      expect((await send('*')).status).toBe(200)
      expect((await send('"x"')).status).toBe(412)
      expect((await send('x')).status).toBe(400)
    }
  })

  it('does not matter where nothing has a version, or the answer is an error', async () => {
    await using app = await served({
      '/entry': (session) => session.add(new Entry({ text: 'x' })),
      '/count': async (session) => ({ count: await session.find(Account).count() }),
      '/refused': async (session) => {
        await rename(session)
        throw Object.assign(new Error('no'), { statusCode: 422 })
      },
      '/nothing': () => ({ ok: true }),
    })
    expect((await post(app, '/entry', '"x"')).status).toBe(200)
    expect((await post(app, '/count', '"x"')).status).toBe(200)
    expect((await post(app, '/refused', '"x"')).status).toBe(422)
    expect((await post(app, '/nothing', '"x"')).status).toBe(200)
  })

  it('is ignored by routes without etag: true', async () => {
    await using app = await serve({ database }, (one) => {
      one.post('/', async ({ session }) => rename(session))
    })
    expect((await post(app, '/', '"x"')).status).toBe(200)
  })

  it('refuses a write that became stale after it was compared, with 412 in place of 409', async () => {
    const race: Work = async (session) => {
      const account = await rename(session)
      await query('update accounts set version = version + 1 where id = 1')
      return account
    }
    await using app = await served({
      '/commit': async (session) => void (await race(session, {} as FastifyRequest)),
      '/flush': race,
      '/own': async (session) => {
        await race(session, {} as FastifyRequest)
        await session.commit()
      },
      '/removed': async (session) => {
        await remove(session)
        await query('update accounts set version = version + 1 where id = 1')
      },
    })
    for (const path of ['/commit', '/flush', '/own', '/removed']) {
      expect([path, (await post(app, path, await tagOf(app))).status]).toEqual([path, 412])
      expect([path, (await post(app, path)).status]).toEqual([path, 409])
    }
    expect(await rows()).toMatchObject([{ name: 'ann', version: 9 }, {}])
  })

  it('compares xmin too', async () => {
    await using app = await served({
      '/card': async (session) => {
        const card = await session.getOrThrow(Card, 1)
        card.label = 'mine'
        return card
      },
    })
    const tag = await tagOf(app, '/c/1')
    await query('update cards set label = label')
    expect((await post(app, '/card', tag)).status).toBe(412)
    expect((await post(app, '/card', await tagOf(app, '/c/1'))).status).toBe(200)
    expect(await query('select label from cards')).toEqual([{ label: 'mine' }])
  })

  it('lets a handler not go on as if nothing had happened', async () => {
    await using app = await served({
      '/swallowed': async (session) => {
        await rename(session)
        await session.flush().catch(() => undefined)
        return { ok: true }
      },
    })
    expect((await post(app, '/swallowed', '"x"')).status).toBe(412)
    expect(await rows()).toEqual(untouched)
  })

  it('cuts a deferred stream off, since its head has left before the commit', async () => {
    await using app = await served()
    await using streaming = await serve({ database }, (one) => {
      const config = { dataBridge: { etag: true, stream: 'deferred' } } as const
      one.post('/', { config }, async ({ session }) => {
        await rename(session)
        return Readable.from(['some ', 'text'])
      })
    })
    await expect(post(streaming, '/', '"x"').then((response) => response.text())).rejects.toThrow(
      'terminated',
    )
    expect(await rows()).toEqual(untouched)
    const response = await post(streaming, '/', await tagOf(app))
    expect([response.status, await response.text()]).toEqual([200, 'some text'])
    expect(await rows()).toMatchObject([{ name: 'changed' }, {}])
  })

  it('does not see what your own SQL writes', async () => {
    await using app = await served({
      '/sql': async (session) => {
        await session.execute(sql`update accounts set name = 'sql', version = version + 1`)
        return { ok: true }
      },
    })
    expect((await post(app, '/sql', '"x"')).status).toBe(200)
  })

  it('concerns the one entity of all databases of the request', async () => {
    await using app = await serve({ database }, (one) => {
      one.register(dataBridge, { connectionString: url, name: 'second' })
      const secondOf = (request: FastifyRequest): Session =>
        (request.sessions as unknown as { second: Session }).second
      one.get('/a/1', tags, async ({ session }) => session.getOrThrow(Account, 1))
      one.post('/second', tags, async (request) => {
        await request.session.get(Card, 1)
        return rename(secondOf(request))
      })
      one.post('/both', tags, async (request) => {
        await rename(request.session)
        ;(await secondOf(request).getOrThrow(Card, 1)).label = 'x'
      })
      one.post('/first', tags, async (request) => {
        request.session.add(new Entry({ text: 'x' }))
        await rename(secondOf(request))
      })
    })
    expect((await post(app, '/second', '"x"')).status).toBe(412)
    expect((await post(app, '/first', '"x"')).status).toBe(412)
    expect((await post(app, '/both', '*')).status).toBe(500)
    expect(await rows()).toEqual(untouched)
    expect(await query('select from entries')).toEqual([])
    expect((await post(app, '/second', await tagOf(app))).status).toBe(200)
    expect((await post(app, '/first', await tagOf(app))).status).toBe(200)
  })
})
