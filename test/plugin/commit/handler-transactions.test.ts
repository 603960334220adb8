import { beforeEach, describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user } from '../../support/entities.ts'
import { names, serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)

/** A handler that does this with its session, and answers `fine`. */
const working = (work: (session: Session) => unknown): Promise<Served> =>
  serve({ database }, (app) => {
    app.get('/', async ({ session }) => {
      await work(session)
      return 'fine'
    })
  })

describe('session.transaction() in a handler', () => {
  const insert = (name: string) => sql`insert into users (name, email) values (${name}, ${name})`

  it('is kept when it resolves, with the request', async () => {
    await using served = await working(async (session) => {
      await session.transaction(() => session.execute(insert('ann')))
      session.add(user('bob'))
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(await names(query)).toEqual(['ann', 'bob'])
  })

  it('is a savepoint: what fails later undoes it, too', async () => {
    await using served = await working(async (session) => {
      await session.transaction(() => session.execute(insert('ann')))
      expect(await names(query)).toEqual([])
      throw new Error('later')
    })
    expect((await served.fetch('/')).status).toBe(500)
    expect(await names(query)).toEqual([])
  })

  it('undoes itself alone when it rejects and the handler goes on', async () => {
    await using served = await working(async (session) => {
      session.add(user('ann'))
      await session
        .transaction(async () => {
          session.add(user('bob'))
          await session.flush()
          throw new Error('not bob')
        })
        .catch(() => undefined)
      session.add(user('cyd'))
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(await names(query)).toEqual(['ann', 'cyd'])
  })
})

describe('a handler that ends the session by hand', () => {
  it('keeps what it has committed when it fails afterwards', async () => {
    await using served = await working(async (session) => {
      session.add(user('ann'))
      await session.commit()
      session.add(user('bob'))
      await session.flush()
      throw new Error('later')
    })
    expect((await served.fetch('/')).status).toBe(500)
    expect(await names(query)).toEqual(['ann'])
  })

  it('commits what it does after its own commit', async () => {
    await using served = await working(async (session) => {
      session.add(user('ann'))
      await session.commit()
      session.add(user('bob'))
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(await names(query)).toEqual(['ann', 'bob'])
  })

  it('loses what it has rolled back, and commits the rest', async () => {
    await using served = await working(async (session) => {
      session.add(user('ann'))
      await session.flush()
      await session.rollback()
      session.add(user('bob'))
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(await names(query)).toEqual(['bob'])
  })

  it('may close it after its commit', async () => {
    await using served = await working(async (session) => {
      session.add(user('ann'))
      await session.commit()
      await session.close()
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(await names(query)).toEqual(['ann'])
  })

  it('has what it executes without awaiting it committed with the rest', async () => {
    await using served = await working(async (session) => {
      session.add(user('ann'))
      void session.execute(sql`insert into users (name, email) values ('bob', 'b')`)
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(await names(query)).toEqual(['ann', 'bob'])
  })

  it('saves nothing, and is warned, where it closes it with changes', async () => {
    const warned = Promise.withResolvers<Error>()
    process.once('warning', warned.resolve)
    await using served = await working(async (session) => {
      session.add(user('ann'))
      await session.flush()
      await session.close()
    })
    const response = await served.fetch('/')
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_COMMIT_FAILED' })
    expect(response.headers.get('x-db-query-count')).toBe('1')
    expect(await warned.promise).toMatchObject({ code: 'DATA_BRIDGE_UNSAVED_CHANGES' })
    expect(await names(query)).toEqual([])
  })
})
