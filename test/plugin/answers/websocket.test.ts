import websocket, { type WebSocket as ServerSocket } from '@fastify/websocket'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { expectIdle, names, serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)

type Handle = (socket: ServerSocket, request: FastifyRequest, app: FastifyInstance) => unknown
type PreHandler = (request: FastifyRequest) => Promise<unknown>

const serving = (handle: Handle, preHandler: PreHandler = async () => {}): Promise<Served> =>
  serve({ database }, (app) => {
    app.register(websocket)
    app.register(async (scope) => {
      const options = {
        websocket: true,
        preHandler: async (request: FastifyRequest) => void (await preHandler(request)),
      } as const
      scope.get('/', options, async (socket, request) => {
        await handle(socket, request, app)
      })
    })
  })

const once = (socket: WebSocket, type: 'open' | 'close' | 'message'): Promise<Event> =>
  new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }))

/** A socket that is open. */
async function open(served: Served): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${served.port}`)
  await once(socket, 'open')
  return socket
}

async function ask(socket: WebSocket, text: string): Promise<unknown> {
  const answer = once(socket, 'message')
  socket.send(text)
  return ((await answer) as MessageEvent).data
}

async function close(socket: WebSocket): Promise<void> {
  const closed = once(socket, 'close')
  socket.close()
  await closed
}

const inUse = (): number => database.usage.total - database.usage.idle

describe('a WebSocket', () => {
  it('holds no connection for what the hooks of its upgrade have read', async () => {
    let users = -1
    await using served = await serving(
      (socket) => socket.on('message', () => socket.send(String(users))),
      async ({ session }) => {
        users = await session.find(User).count()
      },
    )
    const socket = await open(served)
    expect(await ask(socket, 'how many?')).toBe('0')
    expect(inUse()).toBe(0)
    await close(socket)
  })

  it('rolls back what the hooks of its upgrade have written when it closes', async () => {
    await using served = await serving(
      (socket) => socket.on('message', () => socket.send('here')),
      async ({ session }) => {
        session.add(user('ann'))
        await session.flush()
      },
    )
    const socket = await open(served)
    await ask(socket, 'are you there?')
    await close(socket)
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })

  it('keeps what the hooks of its upgrade have committed, and holds no connection', async () => {
    await using served = await serving(
      (socket) => socket.on('message', () => socket.send('here')),
      async ({ session }) => {
        session.add(user('ann'))
        await session.commit()
      },
    )
    const socket = await open(served)
    await ask(socket, 'are you there?')
    expect(inUse()).toBe(0)
    await close(socket)
    expect(await names(query)).toEqual(['ann'])
  })

  it('rolls back what its handler has written in the session of the upgrade', async () => {
    await using served = await serving(async (socket, { session }) => {
      socket.on('message', () => socket.send('here'))
      session.add(user('ann'))
      await session.flush()
      socket.send('written')
    })
    const socket = new WebSocket(`ws://127.0.0.1:${served.port}`)
    await once(socket, 'message')
    expect(inUse()).toBe(1)
    await close(socket)
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })

  it('works in app.dataBridge.run() for each message, which holds nothing in between', async () => {
    await using served = await serving((socket, _request, app) => {
      socket.on('message', async (name: Buffer) => {
        const users = await app.dataBridge
          .run(async (session) => {
            session.add(user(name.toString()))
            await session.flush()
            if (name.toString() === 'bob') throw new Error('boom')
            return User.find().count()
          })
          .catch((error: Error) => error.message)
        socket.send(String(users))
      })
    })
    const socket = await open(served)
    expect(await ask(socket, 'ann')).toBe('1')
    expect(inUse()).toBe(0)
    expect(await ask(socket, 'bob')).toBe('boom')
    expect(await ask(socket, 'cleo')).toBe('2')
    expect(await names(query)).toEqual(['ann', 'cleo'])
    await close(socket)
  })

  it('has no session to use when it is closed', async () => {
    const late = Promise.withResolvers<unknown>()
    await using served = await serving((_socket, request) => {
      request.raw.socket.on('close', () => {
        const use = async (): Promise<number> => request.session.find(User).count()
        void use().then(late.resolve, late.resolve)
      })
    })
    await close(await open(served))
    expect(await late.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_CLIENT_GONE' })
  })

  it('that its upgrade refuses is rolled back', async () => {
    await using served = await serving(
      () => {},
      async ({ session }) => {
        session.add(user('ann'))
        await session.flush()
        throw Object.assign(new Error('no'), { statusCode: 403 })
      },
    )
    const socket = new WebSocket(`ws://127.0.0.1:${served.port}`)
    await once(socket, 'close')
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })
})
