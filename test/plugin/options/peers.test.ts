import { type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'
import fp from 'fastify-plugin'
import {
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { Type } from 'typebox'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { printedBy } from '../fixtures/process.ts'
import { names, serve, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query, url } = stored
watchForLeaks(stored)
beforeEach(async () => {
  await stored.truncate()
  await database.run((session) => session.add(user('ann')))
})
afterEach(() => vi.unstubAllEnvs())

const json = (body: object): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

describe('@fastify/autoload', () => {
  it('loads the plugin from a file of a folder, alone and within a plugin of the application', async () => {
    expect(await printedBy('autoload.ts', url)).toEqual({
      body: { users: 1, reported: 1 },
      names: ['reports'],
    })
  })

  it('may give it the options that register() takes for itself', async () => {
    await using app = Fastify()
    app.register(dataBridge, { database, prefix: '/data', logLevel: 'warn', logSerializers: {} })
    app.get('/', async ({ session }) => session.find(User).count())
    expect((await app.inject('/')).json()).toBe(1)
  })
})

describe('CommonJS', () => {
  it('registers what require() gives', async () => {
    expect(await printedBy('required.cjs', url)).toEqual({ users: 1, reported: 1 })
  })
})

describe('@fastify/session', () => {
  it('keeps request.session; the session of the database has another name', async () => {
    expect(await printedBy('web-session.mjs', url)).toEqual({
      visits: [1, 2],
      users: 3,
      refusal: 'DATA_BRIDGE_ERR_OPTION',
    })
  })
})

describe('type providers', () => {
  it('validate bodies and serialize entities with TypeBox', async () => {
    await using served = await serve({ database }, (app) => {
      const body = Type.Object({ name: Type.String({ minLength: 2 }), email: Type.String() })
      const response = { 201: Type.Object({ id: Type.Integer(), name: Type.String() }) }
      app
        .withTypeProvider<TypeBoxTypeProvider>()
        .post('/', { schema: { body, response } }, async ({ body: values, session }, reply) => {
          const created = new User(values)
          session.add(created)
          await session.flush()
          return reply.code(201).send(created)
        })
    })
    const created = await served.fetch('/', json({ name: 'bob', email: 'b' }))
    expect(created.status).toBe(201)
    expect(await created.json()).toEqual({ id: 2, name: 'bob' })
    expect((await served.fetch('/', json({ name: 'x', email: 'x' }))).status).toBe(400)
    expect(await names(query)).toEqual(['ann', 'bob'])
  })

  it('validate bodies and serialize entities with Zod, and roll back what cannot be serialized', async () => {
    await using served = await serve({ database }, (app) => {
      app.setValidatorCompiler(validatorCompiler)
      app.setSerializerCompiler(serializerCompiler)
      const body = z.object({ name: z.string().trim().min(2), email: z.string() })
      const response = { 201: z.object({ id: z.number(), name: z.string().max(5) }) }
      app
        .withTypeProvider<ZodTypeProvider>()
        .post('/', { schema: { body, response } }, async ({ body: values, session }, reply) => {
          const created = new User(values)
          session.add(created)
          await session.flush()
          return reply.code(201).send(created)
        })
    })
    const created = await served.fetch('/', json({ name: ' bob ', email: 'b' }))
    expect(created.status).toBe(201)
    expect(await created.json()).toEqual({ id: 2, name: 'bob' })
    expect((await served.fetch('/', json({ name: ' x ', email: 'x' }))).status).toBe(400)
    expect((await served.fetch('/', json({ name: 'too long', email: 't' }))).status).toBe(500)
    expect(await names(query)).toEqual(['ann', 'bob'])
  })
})

describe('plugins of the application', () => {
  it('may depend on it, and on what it decorates', async () => {
    vi.stubEnv('DATABASE_URL', url)
    await using app = Fastify()
    app.register(dataBridge)
    app.register(
      fp(
        async (scope) => {
          scope.get('/', async ({ session }) => session.find(User).count())
        },
        {
          dependencies: ['fastify-data-bridge'],
          decorators: { fastify: ['dataBridge'], request: ['session'] },
        },
      ),
    )
    expect((await app.inject('/')).json()).toBe(1)
  })

  it('that depend on it are refused where it is not registered', async () => {
    await using app = Fastify()
    app.register(fp(async () => {}, { name: 'users', dependencies: ['fastify-data-bridge'] }))
    await expect(app.ready()).rejects.toMatchObject({
      code: 'FST_ERR_PLUGIN_DEPENDENCY_NOT_REGISTERED',
    })
  })

  it('that need request.session are refused where it has another name', async () => {
    await using app = Fastify()
    app.register(dataBridge, { database, decorateAs: 'db' })
    app.register(fp(async () => {}, { name: 'users', decorators: { request: ['session'] } }))
    await expect(app.ready()).rejects.toMatchObject({
      code: 'FST_ERR_PLUGIN_NOT_PRESENT_IN_INSTANCE',
    })
  })
})
