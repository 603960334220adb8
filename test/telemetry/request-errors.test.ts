import type { FastifyRequest } from 'fastify'
import { SpanStatusCode } from '@opentelemetry/api'
import { beforeEach, describe, expect, it } from 'vitest'
import { sql } from '../../orm/index.ts'
import { serve } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, User, user } from '../support/entities.ts'
import { startTracing, takeSpans } from './traced.ts'

startTracing()
const { url } = await testDatabase(blog)

beforeEach(() => void takeSpans())

const failures: Readonly<Record<string, (request: FastifyRequest) => Promise<unknown>>> = {
  'a flush': async ({ session }) => {
    const ann = user('ann')
    session.add(ann)
    ann.age = 'sesame 4711' as never
    await session.flush()
  },
  'the commit': async ({ session }) => {
    const ann = user('ann')
    session.add(ann)
    ann.age = 'sesame 4711' as never
    return 'created'
  },
  'a filter': ({ session }) =>
    session
      .find(User)
      .filter((each) => each.age.eq('sesame 4711' as never))
      .toList(),
  'a statement': ({ session }) => session.execute(sql`select ${'sesame 4711'}::int`),
}

describe('the span of a request', () => {
  it.each(Object.keys(failures))('records the error of %s, and not the value', async (what) => {
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/', async (request) => failures[what]?.(request))
    })
    // A value of another type is a mistake of the program.
    const isOfData = what === 'a statement'
    expect((await served.fetch('/')).status).toBe(isOfData ? 400 : 500)
    const spans = takeSpans()
    const request = spans.find(({ name }) => name === 'request')
    expect(request?.status.code).toBe(SpanStatusCode.ERROR)
    expect(request?.events).toMatchObject([
      {
        name: 'exception',
        attributes: {
          'exception.type': isOfData ? 'DATA_BRIDGE_ERR_INVALID_VALUE' : 'DATA_BRIDGE_ERR_TYPE',
          'exception.stacktrace': expect.stringMatching(/^DataBridgeError: .+\n +at /),
        },
      },
    ])
    const said = spans.map(({ attributes, events, status }) => [attributes, events, status])
    expect(JSON.stringify(said)).not.toContain('sesame')
    // The line in the log has it, for who looks for it; what PostgreSQL quotes is nowhere.
    expect(JSON.stringify(served.logs).includes('sesame')).toBe(!isOfData)
  })

  it('records the errors of the application as they are', async () => {
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/', async () => {
        throw new TypeError('the number 4711 is not mine')
      })
    })
    expect((await served.fetch('/')).status).toBe(500)
    expect(takeSpans()[0]?.events).toMatchObject([
      { attributes: { 'exception.message': 'the number 4711 is not mine' } },
    ])
  })
})
