import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { beforeEach, describe, expect, it } from 'vitest'
import { Session } from '../../orm/index.ts'
import { serve } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, user, User } from '../support/entities.ts'
import { recordWarnings } from '../support/warnings.ts'
import { outline, startTracing, takeSpans, treesOf } from './traced.ts'

startTracing()
const { url, query } = await testDatabase(blog)
const warned = recordWarnings()

beforeEach(() => void takeSpans())

const named = (name: string) => takeSpans().filter((span) => span.name === name)

describe('the span of afterCommit(fn)', () => {
  it('lies below the span of the request, and above the work of the callback', async () => {
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/', async ({ session, server }) => {
        session.add(user('ann'))
        session.afterCommit(async () => {
          await server.dataBridge.run((job) => job.find(User).count())
          trace.getTracer('test').startSpan('mail').end()
        })
        return 'done'
      })
    })
    await served.fetch('/')
    expect(treesOf(takeSpans()).map(outline)).toEqual([
      'request(db.session.open db.session.commit(db.session.flush) db.session.close ' +
        'db.session.after_commit(db.session.open db.query.count db.session.commit db.session.close mail))',
    ])
    expect(await query('select from users')).toHaveLength(1)
  })

  it('names the function, and says that it failed', async () => {
    await using session = new Session(url)
    session.afterCommit(function sendMail() {
      throw new TypeError('no mail')
    })
    session.afterCommit(() => 'fine')
    await session.commit()
    expect(await warned()).toEqual(['DATA_BRIDGE_AFTER_COMMIT'])
    const [failed, fine] = named('db.session.after_commit')
    expect(failed?.attributes).toMatchObject({
      'db.session.operation': 'after_commit',
      'code.function.name': 'sendMail',
      'error.type': 'TypeError',
    })
    expect(failed?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no mail' })
    expect(failed?.events.map(({ name }) => name)).toEqual(['exception'])
    expect(fine?.attributes).not.toHaveProperty('code.function.name')
    expect(fine?.status.code).toBe(SpanStatusCode.UNSET)
  })

  it.each([
    ['queries', 0],
    ['queries+session', 1],
    ['all', 1],
  ] as const)('is left out as the option spans says: %s', async (spans, count) => {
    let active: unknown
    await using served = await serve({ connectionString: url, spans }, (app) => {
      app.get('/', async ({ session }) => {
        session.afterCommit(() => void (active = trace.getSpan(context.active())?.spanContext()))
        return 'done'
      })
    })
    await served.fetch('/')
    const all = takeSpans()
    expect(all.filter(({ name }) => name === 'db.session.after_commit')).toHaveLength(count)
    const expected = all.find(
      ({ name }) => name === (count ? 'db.session.after_commit' : 'request'),
    )
    expect(active).toMatchObject({ spanId: expected?.spanContext().spanId })
  })
})
