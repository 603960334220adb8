import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { beforeEach, describe, expect, it } from 'vitest'
import { serve } from '../plugin/serve.ts'
import { drizzleOf, kyselyOf, named, users } from '../support/builders.ts'
import { testDatabase } from '../support/database.ts'
import { blog, User } from '../support/entities.ts'
import { outline, startTracing, takeSpans, treesOf } from './traced.ts'

startTracing()
const { url, truncate } = await testDatabase(blog)

beforeEach(async () => {
  await truncate()
  takeSpans()
})

describe('the spans of a request with other query builders', () => {
  it('are those of execute(), with the text and without values', async () => {
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/', async ({ session }) => {
        await drizzleOf(session).insert(users).values(named('sesame'))
        await kyselyOf(session)
          .transaction()
          .execute((trx) => trx.selectFrom('users').select('name').execute())
        return session.find(User).count()
      })
    })
    expect((await served.fetch('/')).status).toBe(200)
    const spans = takeSpans()
    expect(treesOf(spans).map(outline)).toEqual([
      'request(db.session.open db.query.execute db.query.execute db.query.count db.session.commit db.session.close)',
    ])
    const [insert, select] = spans.filter(({ name }) => name === 'db.query.execute')
    expect(insert).toMatchObject({
      kind: SpanKind.CLIENT,
      attributes: {
        'db.query.summary': 'INSERT',
        'db.query.text': expect.stringContaining('values (default, $1, $2, default'),
      },
    })
    expect(select?.attributes).toMatchObject({
      'db.query.text': 'select "name" from "users"',
      'db.response.returned_rows': 1,
    })
    expect(JSON.stringify(spans.map(({ attributes }) => attributes))).not.toContain('sesame')
  })

  it('say why a statement failed, and nothing of its values', async () => {
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/', async ({ session }) => {
        const db = drizzleOf(session)
        await db.insert(users).values(named('sesame'))
        await db.insert(users).values(named('sesame'))
      })
    })
    expect((await served.fetch('/')).status).toBe(409)
    const spans = takeSpans()
    const failed = spans.filter(({ status }) => status.code === SpanStatusCode.ERROR)
    expect(failed.map(({ name }) => name)).toContain('db.query.execute')
    const said = spans.map(({ attributes, events, status }) => [attributes, events, status])
    expect(JSON.stringify(said)).not.toContain('sesame')
    expect(JSON.stringify(served.logs)).not.toContain('sesame')
  })
})
