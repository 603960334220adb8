import { beforeAll, describe, expect, it, vi } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { blog, Post, user } from '../support/entities.ts'
import { attributesOf, startReceiver } from './receiver.ts'
import { startService } from './service.ts'

const { url: databaseUrl, database } = await testDatabase(blog)

beforeAll(async () => {
  await database.run((session) => {
    session.add(['ann', 'ben', 'cyd'].map((name) => new Post({ title: name, author: user(name) })))
  })
})

describe('a deferred stream that uses its session only when it flows', () => {
  it('has its spans below the request, and its cost on the span of HTTP, which is not over yet', async () => {
    await using receiver = await startReceiver()
    await using service = await startService({
      env: {
        DATABASE_URL: databaseUrl,
        OTEL_BSP_SCHEDULE_DELAY: '50',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.grpcEndpoint,
      },
    })
    expect(await (await fetch(`${service.url}/stream`)).text()).toBe('ann\nben\ncyd\n')
    const spanOf = (name: string) =>
      vi.waitFor(
        () => {
          const found = receiver.spans.find((span) => span.name === name)
          if (found === undefined) throw new Error(`there is no span ${name}`)
          return found
        },
        { timeout: 10_000 },
      )
    const server = await spanOf('GET /stream')
    const request = await spanOf('request')
    expect(attributesOf(server.attributes)).toMatchObject({
      'db.request.query_count': 4,
      'db.n_plus_one.findings': 1,
    })
    const below = receiver.spans.filter(({ parentSpanId }) => parentSpanId === request.spanId)
    expect(below.map(({ name }) => name)).toEqual([
      'db.session.open',
      'db.query.find',
      ...Array<string>(3).fill('db.relationship.select'),
      'db.session.commit',
      'db.session.close',
    ])
  })
})
