import { type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import dataBridge, {
  type Database,
  type DataBridgeOptions,
  type DataBridgeRouteOptions,
  type Query,
  type Session,
  type SpanLevel,
  type TimeLimits,
} from 'fastify-data-bridge'
import withoutSession from 'fastify-data-bridge/plugin'
import { type ZodTypeProvider } from 'fastify-type-provider-zod'
import { Type } from 'typebox'
import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { User } from './entities.ts'

declare module 'fastify' {
  interface DataBridgeSessions {
    readonly reports: Session
  }
}

const app = {} as FastifyInstance

describe('the plugin', () => {
  it('is one, whichever entry it comes from', () => {
    expectTypeOf(withoutSession).toEqualTypeOf(dataBridge)
    void app.register(dataBridge)
    void app.register(dataBridge, {})
    void app.register(dataBridge, { prefix: '/data' })
    void app.register(import('fastify-data-bridge'), { name: 'reports' })
    // @ts-expect-error no such option
    void app.register(dataBridge, { conectionString: 'postgresql://localhost/x' })
  })

  it('takes the options of a database beside its own', () => {
    expectTypeOf<DataBridgeOptions['name']>().toEqualTypeOf<string | undefined>()
    expectTypeOf<DataBridgeOptions['timeouts']>().toEqualTypeOf<TimeLimits | undefined>()
    expectTypeOf<DataBridgeOptions['maxWaiting']>().toEqualTypeOf<number | undefined>()
    expectTypeOf<DataBridgeOptions['slowQueryMs']>().toEqualTypeOf<number | undefined>()
    expectTypeOf<DataBridgeOptions['spans']>().toEqualTypeOf<SpanLevel | undefined>()
    expectTypeOf<DataBridgeOptions['queryText']>().toEqualTypeOf<boolean | undefined>()
    expectTypeOf<DataBridgeOptions['queryParameters']>().toEqualTypeOf<boolean | undefined>()
    expectTypeOf<DataBridgeOptions['prepare']>().toEqualTypeOf<boolean | undefined>()
    expectTypeOf<DataBridgeOptions['database']>().toEqualTypeOf<Database | string | undefined>()
    expectTypeOf<DataBridgeOptions['port']>().toEqualTypeOf<number | undefined>()
    void app.register(dataBridge, { timeouts: { acquire: false } })
    void app.register(dataBridge, { host: 'db', password: async () => 'x', database: 'blog' })
    // @ts-expect-error only the wait for a connection has a default
    void app.register(dataBridge, { timeouts: { statement: false } })
    // @ts-expect-error no such limit
    void app.register(dataBridge, { timeouts: { statements: 5000 } })
    // @ts-expect-error no such level
    void app.register(dataBridge, { spans: 'some' })
  })
})

describe('sessions', () => {
  it('are typed, that of the request and those of databases with names', () => {
    app.get('/', async ({ session, sessions }) => {
      expectTypeOf(session).toEqualTypeOf<Session>()
      expectTypeOf(sessions.reports).toEqualTypeOf<Session>()
      expectTypeOf(sessions.reports.find(User)).toEqualTypeOf<Query<typeof User>>()
      // @ts-expect-error no name that was declared
      void sessions.repots
    })
    expectTypeOf<FastifyRequest>().toHaveProperty('sessions')
    // @ts-expect-error it is made by the plugin
    app.get('/', async (request) => void (request.session = {} as Session))
  })

  it('come from databases of the application', () => {
    expectTypeOf(app.dataBridge).toEqualTypeOf<Database>()
    expectTypeOf(app.dataBridges.reports).toEqualTypeOf<Database>()
    // @ts-expect-error no name that was declared
    void app.dataBridges.repots
  })
})

describe('options of a route', () => {
  it('are typed in its config', () => {
    const timeouts = { statement: 500 }
    app.get(
      '/',
      { config: { dataBridge: { readOnly: true, timeouts, stream: 'deferred' } } },
      () => '',
    )
    app.get('/', { config: { dataBridge: { commitOn: (_, reply) => reply.sent } } }, () => '')
    expectTypeOf<DataBridgeRouteOptions['stream']>().toEqualTypeOf<
      'before' | 'deferred' | undefined
    >()
    // @ts-expect-error no such moment
    app.get('/', { config: { dataBridge: { stream: 'after' } } }, () => '')
    // @ts-expect-error milliseconds
    app.get('/', { config: { dataBridge: { timeouts: { statement: '5s' } } } }, () => '')
  })
})

describe('type providers', () => {
  it('leave the session as it is: TypeBox', () => {
    const typed = Fastify().withTypeProvider<TypeBoxTypeProvider>()
    void typed.register(dataBridge)
    const body = Type.Object({ name: Type.String(), age: Type.Optional(Type.Integer()) })
    typed.post('/', { schema: { body } }, async (request) => {
      expectTypeOf(request.body).toEqualTypeOf<{ name: string; age?: number }>()
      expectTypeOf(request.session).toEqualTypeOf<Session>()
      expectTypeOf(request.sessions.reports).toEqualTypeOf<Session>()
      request.session.add(new User({ ...request.body, email: 'e' }))
      // @ts-expect-error not in the schema
      void request.body.email
    })
  })

  it('leave the session as it is: Zod', () => {
    const typed = Fastify().withTypeProvider<ZodTypeProvider>()
    void typed.register(dataBridge)
    const body = z.object({ name: z.string(), email: z.string() })
    const response = { 200: z.object({ id: z.number() }) }
    typed.post('/', { schema: { body, response } }, async (request, reply) => {
      expectTypeOf(request.body).toEqualTypeOf<{ name: string; email: string }>()
      expectTypeOf(request.session).toEqualTypeOf<Session>()
      const user = new User(request.body)
      request.session.add(user)
      await request.session.flush()
      return reply.send(user)
    })
    // @ts-expect-error no response of the schema
    typed.post('/', { schema: { body, response } }, async (_, reply) => reply.send({ name: 'x' }))
  })
})
