import { once } from 'node:events'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { DataBridgeError, type Session, sql } from '../../../orm/index.ts'
import { user, User } from '../../support/entities.ts'

/** What a kind of request does, and what is to come of it. */
export interface Kind {
  readonly handle: (session: Session, name: string, reply: FastifyReply) => unknown
  /** What it costs where it succeeds. */
  readonly queries: number
  /** Whether its row is there where it succeeds. */
  readonly isSaved: boolean
  readonly isDeferred?: boolean
}

const write = async (session: Session, name: string): Promise<void> => {
  session.add(user(name))
  await session.flush()
}

// A connection that is lost is no reason to go on: lost at BEGIN, the session would commit with another one.
const unlessDivided = (error: unknown): void => {
  if (!(error instanceof DataBridgeError) || error.sqlState !== '22012') throw error
}

async function* flowing(session: Session, name: string, fails = false): AsyncGenerator<string> {
  yield 'first '
  session.add(user(name))
  yield String(await session.find(User).filter({ name }).count())
  if (fails) throw new Error('the stream is broken')
}

/** Requests of every kind and end. */
export const kinds: Readonly<Record<string, Kind>> = {
  read: {
    handle: async (session) => String(await session.find(User).filter({ id: 1 }).count()),
    queries: 1,
    isSaved: false,
  },
  add: {
    handle: (session, name) => {
      session.add(user(name))
      return 'fine'
    },
    queries: 1,
    isSaved: true,
  },
  flush: {
    handle: async (session, name) => {
      await write(session, name)
      await session.find(User).filter({ name }).count()
      return { fine: true }
    },
    queries: 2,
    isSaved: true,
  },
  redirect: {
    handle: async (session, name, reply) => {
      await write(session, name)
      return reply.redirect('/')
    },
    queries: 1,
    isSaved: true,
  },
  empty: {
    handle: async (session, name, reply) => {
      session.add(user(name))
      return reply.code(204).send()
    },
    queries: 1,
    isSaved: true,
  },
  parallel: {
    handle: async (session, name) => {
      session.add(user(name))
      await Promise.all([1, 2, 3].map((id) => session.find(User).filter({ id }).count()))
      return 'fine'
    },
    queries: 4,
    isSaved: true,
  },
  savepoint: {
    handle: async (session, name) => {
      session.add(user(name))
      await session.transaction(() => session.execute(sql`select 1 / 0`)).catch(unlessDivided)
      return 'fine'
    },
    queries: 2,
    isSaved: true,
  },
  stream: {
    handle: async (session, name) => {
      session.add(user(name))
      return Readable.from(['a', 'b'])
    },
    queries: 1,
    isSaved: true,
  },
  deferred: {
    handle: (session, name) => Readable.from(flowing(session, name)),
    queries: 2,
    isSaved: true,
    isDeferred: true,
  },
  broken: {
    handle: (session, name) => Readable.from(flowing(session, name, true)),
    queries: 2,
    isSaved: false,
    isDeferred: true,
  },
  throw: {
    handle: async (session, name) => {
      await write(session, name)
      throw new Error('boom')
    },
    queries: 1,
    isSaved: false,
  },
  refuse: {
    handle: async (session, name, reply) => {
      await write(session, name)
      return reply.code(422).send('no')
    },
    queries: 1,
    isSaved: false,
  },
  swallow: {
    handle: async (session, name) => {
      session.add(user(name))
      await session.execute(sql`select 1 / 0`).catch(unlessDivided)
      return 'fine'
    },
    queries: 2,
    isSaved: false,
  },
  twice: {
    handle: (session, name) => {
      session.add(user(name), user(name))
      return 'fine'
    },
    queries: 1,
    isSaved: false,
  },
  raw: {
    handle: async (session, name, reply) => {
      await write(session, name)
      reply.hijack().raw.end('raw')
    },
    queries: 1,
    isSaved: false,
  },
}

/** Only its client ends it, by leaving. */
export const hang: Kind = {
  handle: async (session, name, reply) => {
    const gone = once(reply.raw, 'close')
    await write(session, name)
    if (!reply.raw.closed) await gone
    return 'fine'
  },
  queries: 1,
  isSaved: false,
}

export function chaosRoutes(app: FastifyInstance): void {
  for (const [kind, { handle, isDeferred = false }] of Object.entries({ ...kinds, hang })) {
    app.route<{ Params: { name: string } }>({
      method: ['GET', 'POST'],
      url: `/${kind}/:name`,
      config: { dataBridge: { stream: isDeferred ? 'deferred' : 'before' } },
      handler: async ({ session, params }, reply) => handle(session, params.name, reply),
    })
  }
}
