import { connect as connectTcp } from 'node:net'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import { config, counting, deferredRoute, taken } from './deferred.ts'
import { user } from '../../support/entities.ts'
import { receive } from '../client.ts'
import { holdLock, names, serve, untilBlocked } from '../serve.ts'

const { stored, serving } = await deferredRoute()
const { query, database, url } = stored

describe('a handler that throws when its deferred stream is on its way', () => {
  it('before the first byte is answered with its error, and rolled back', async () => {
    const goOn = Promise.withResolvers<void>()
    await using served = await serving((session, reply) => {
      session.add(user('bob'))
      const source = async function* (): AsyncGenerator<string> {
        await goOn.promise
        yield 'late'
      }
      void reply.send(Readable.from(source()))
      throw Object.assign(new Error('boom'), { statusCode: 418 })
    })
    const received = await receive(served.port)
    goOn.resolve()
    expect(received).toMatchObject({ status: 418, isComplete: true })
    expect(JSON.parse(received.body)).toMatchObject({ message: 'boom' })
    expect(await names(query)).toEqual(['ann'])
  })

  it('and whose error is answered late has it cut off, and rolled back', async () => {
    const failed = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    await using served = await serving(
      (session, reply) => {
        session.add(user('bob'))
        const source = async function* (): AsyncGenerator<string> {
          await failed.promise
          yield 'late'
          ended.resolve()
        }
        void reply.send(Readable.from(source()))
        throw new Error('boom')
      },
      {
        routes: (app) =>
          app.setErrorHandler(async (_error, _request, reply) => {
            failed.resolve()
            await ended.promise
            await new Promise(setImmediate)
            return reply.code(500).send('failed')
          }),
      },
    )
    expect((await receive(served.port)).isComplete).toBe(false)
    expect(await names(query)).toEqual(['ann'])
  })

  it('later has it cut off, and rolled back', async () => {
    const goOn = Promise.withResolvers<void>()
    await using served = await serving(async (session, reply) => {
      session.add(user('bob'))
      const source = async function* (): AsyncGenerator<string> {
        yield 'first'
        await goOn.promise
      }
      void reply.send(Readable.from(source()))
      while (!reply.raw.headersSent) await new Promise(setImmediate)
      setImmediate(goOn.resolve)
      throw new Error('boom')
    })
    expect((await receive(served.port)).isComplete).toBe(false)
    expect(await names(query)).toEqual(['ann'])
  })
})

it('a handler that throws has the statement cancelled that its deferred stream waits for', async () => {
  await using _lock = await holdLock(url, 51)
  const ended = Promise.withResolvers<unknown>()
  await using served = await serving(async (session, reply) => {
    const source = async function* (): AsyncGenerator<string> {
      yield 'first'
      const work = session.execute(sql`select pg_advisory_xact_lock(51)`)
      await work.then(ended.resolve, ended.resolve)
    }
    void reply.send(Readable.from(source()))
    await untilBlocked(query, 'select pg_advisory')
    throw new Error('boom')
  })
  expect((await receive(served.port)).isComplete).toBe(false)
  expect(await ended.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_ABORTED' })
})

describe('handlerTimeout', () => {
  it.each([false, true])(
    'cuts a deferred stream off, which is rolled back at once: HTTP/2 %s',
    async (isHttp2) => {
      const goOn = Promise.withResolvers<void>()
      await using served = await serve(
        { database },
        (app) => {
          app.get('/', { config, handlerTimeout: 500 }, async ({ session }) => {
            session.add(user('bob'))
            await session.flush()
            const source = async function* (): AsyncGenerator<string> {
              yield 'first'
              await goOn.promise
            }
            return Readable.from(source())
          })
        },
        { isHttp2 },
      )
      expect((await receive(served.port, { isHttp2 })).isComplete).toBe(false)
      expect(await names(query)).toEqual(['ann'])
      goOn.resolve()
    },
  )
})

describe('a client of HTTP/1.0, which knows the end of a response by that of its connection', () => {
  /** How its connection ended, and what came before. */
  async function ask(port: number): Promise<{ text: string; isReset: boolean }> {
    const socket = connectTcp(port, '127.0.0.1')
    const received = { text: '', isReset: false }
    socket.on('data', (chunk: Buffer) => (received.text += chunk.toString()))
    socket.on('error', () => (received.isReset = true))
    socket.write('GET / HTTP/1.0\r\n\r\n')
    await new Promise((resolve) => socket.once('close', resolve))
    return received
  }

  it('has a deferred stream end with it, in no chunks', async () => {
    await using served = await serving((session) => Readable.from(counting(session)))
    const { text, isReset } = await ask(served.port)
    expect(isReset).toBe(false)
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nfirst 2$/)
    expect(text).not.toMatch(/chunked|trailer/i)
    expect(await names(query)).toEqual(['ann', 'bob'])
  })

  it.each<[string, (session: Session) => unknown]>([
    ['a readable', (session) => Readable.from(taken(session))],
    [
      'a web stream',
      (session) => ReadableStream.from(taken(session)).pipeThrough(new TextEncoderStream()),
    ],
  ])('has it reset where the commit fails: %s', async (_kind, make) => {
    await using served = await serving(make)
    expect((await ask(served.port)).isReset).toBe(true)
    expect(await names(query)).toEqual(['ann'])
  })

  it('has it reset where the stream fails', async () => {
    await using served = await serving((session) =>
      Readable.from(
        (async function* () {
          yield* counting(session)
          throw new Error('broken')
        })(),
      ),
    )
    expect((await ask(served.port)).isReset).toBe(true)
    expect(await names(query)).toEqual(['ann'])
  })
})
