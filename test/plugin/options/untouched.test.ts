import { AsyncResource, createHook } from 'node:async_hooks'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog } from '../../support/entities.ts'
import { serve, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, url } = stored
watchForLeaks(stored)

describe('a request that does not use the database', () => {
  it.each<[string, string, number]>([
    ['a success', '/ok', 200],
    ['a failure', '/fail', 500],
    ['a validation error', '/valid?n=x', 400],
    ['an unknown route', '/nowhere', 404],
  ])('takes no connection and has no header: %s', async (_kind, path, status) => {
    await using served = await serve({ connectionString: url, headers: true }, (app) => {
      app.get('/ok', async () => ({ ok: true }))
      app.get('/fail', async () => Promise.reject(new Error('boom')))
      const schema = { querystring: { type: 'object', properties: { n: { type: 'integer' } } } }
      app.get('/valid', { schema }, async () => 'unreachable')
    })
    const response = await served.fetch(path)
    expect(response.status).toBe(status)
    const headers = [...response.headers.keys()]
    expect(headers.filter((name) => name.startsWith('x-db') || name === 'server-timing')).toEqual(
      [],
    )
    expect(served.app.dataBridge.usage).toEqual({ total: 0, idle: 0, waiting: 0 })
  })

  it('has no header either where the session was only looked at', async () => {
    await using served = await serve({ connectionString: url, headers: true }, (app) => {
      app.get('/', async ({ session }) => ({ isUsed: session.isUsed }))
    })
    const response = await served.fetch('/')
    expect(await response.json()).toEqual({ isUsed: false })
    expect(response.headers.has('x-db-query-count')).toBe(false)
    expect(served.app.dataBridge.usage.total).toBe(0)
  })

  it.each([true, false])(
    'goes through the hooks without a promise or a turn of the event loop (ambient: %s)',
    async (ambient) => {
      const steps: string[] = []
      await using app = Fastify()
      await app.register(dataBridge, { database, ambient })
      app.addHook('onRequest', (_request, _reply, done) => {
        steps.push('after our onRequest')
        done()
      })
      app.addHook('onSend', (_request, _reply, _payload, done) => {
        steps.push('after our onSend')
        done()
      })
      app.get('/', (_request, reply) => {
        steps.push('handler')
        process.nextTick(() => steps.push('next tick'))
        queueMicrotask(() => steps.push('microtask'))
        void reply.send('sent')
        steps.push('handler returns')
      })
      const origin = await app.listen({ host: '127.0.0.1', port: 0 })
      expect(await (await fetch(origin)).text()).toBe('sent')
      expect(steps.slice(0, 4)).toEqual([
        'after our onRequest',
        'handler',
        'after our onSend',
        'handler returns',
      ])
    },
  )

  it('makes no promise between its arrival and its answer', async () => {
    const made: string[] = []
    const watch = createHook({
      init(_id, type) {
        if (type === 'PROMISE') made.push(type)
      },
    })
    await using app = Fastify()
    await app.register(dataBridge, { database })
    app.addHook('onResponse', (_request, _reply, done) => done())
    app.get('/', (_request, reply) => void reply.send('sent'))
    app.server.prependListener('request', () => watch.enable())
    const origin = await app.listen({ host: '127.0.0.1', port: 0 })
    app.server.on('request', () => watch.disable())
    expect(await (await fetch(origin)).text()).toBe('sent')
    expect(made).toEqual([])
  })

  it('keeps the asynchronous context that was there before', async () => {
    await using app = Fastify()
    const outer = new AsyncResource('outer')
    await app.register(dataBridge, { database })
    app.get('/', async () => 'fine')
    expect((await outer.runInAsyncScope(() => app.inject('/'))).body).toBe('fine')
  })
})
