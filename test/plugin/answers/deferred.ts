import type { FastifyInstance, FastifyReply } from 'fastify'
import { beforeEach } from 'vitest'
import type { Session } from '../../../orm/index.ts'
import type { DataBridgeOptions, DataBridgeRouteOptions } from '../../../plugin/index.ts'
import { testDatabase, type TestDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { serve, type Served, watchForLeaks } from '../serve.ts'

export const config = { dataBridge: { stream: 'deferred' } } as const

interface More {
  readonly options?: DataBridgeOptions
  readonly route?: DataBridgeRouteOptions
  readonly isHttp2?: boolean
  readonly routes?: (app: FastifyInstance) => void
}

/** A database with a user, and a post whose title no other may have at the commit; and a route that answers deferred. */
export async function deferredRoute(): Promise<{
  readonly stored: TestDatabase
  serving(handler: (session: Session, reply: FastifyReply) => unknown, more?: More): Promise<Served>
}> {
  const stored = await testDatabase(blog)
  const { database, query } = stored
  watchForLeaks(stored)
  await query(
    'alter table posts add constraint posts_title_key unique (title) deferrable initially deferred',
  )
  beforeEach(async () => {
    await stored.truncate()
    await query(`insert into users (name, email) values ('ann', 'ann@example.com')`)
    await query(`insert into posts (title, author_id) values ('taken', 1)`)
  })
  return {
    stored,
    serving: (handler, more = {}) =>
      serve(
        { database, ...more.options },
        (app) => {
          const dataBridge = { ...config.dataBridge, ...more.route }
          more.routes?.(app)
          app.get('/', { config: { dataBridge } }, async ({ session }, reply) =>
            handler(session, reply),
          )
        },
        { isHttp2: more.isHttp2 ?? false },
      ),
  }
}

/** Writes while it flows, and reads what it wrote. */
export async function* counting(session: Session): AsyncGenerator<string> {
  yield 'first '
  session.add(user('bob'))
  yield String(await session.find(User).count())
}

/** Writes what the commit refuses. */
export async function* taken(session: Session): AsyncGenerator<string> {
  yield 'first'
  session.add(new Post({ title: 'taken', authorId: 1 }), user('bob'))
}
