import { beforeEach, describe, expect, it } from 'vitest'
import type { Session } from '../../orm/index.ts'
import dataBridge from '../../plugin/index.ts'
import { testDatabase } from '../support/database.ts'
import { blog, user } from '../support/entities.ts'
import { type SpanTree, startTracing, takeSpans, treesOf } from './traced.ts'
import { type LogLine, serve, type Served } from '../plugin/serve.ts'

startTracing()
const main = await testDatabase(blog)
const reports = await testDatabase(blog)

beforeEach(async () => {
  await main.truncate()
  await reports.truncate()
  takeSpans()
})

declare module 'fastify' {
  interface DataBridgeSessions {
    readonly main: Session
    readonly reports: Session
  }
}

const serveBoth = (): Promise<Served> =>
  serve({ connectionString: main.url, name: 'main', slowQueryMs: 0 }, (app) => {
    app.register(dataBridge, {
      connectionString: reports.url,
      name: 'reports',
      spans: 'queries+session',
      queryText: false,
    })
    app.post('/', async ({ sessions }) => {
      sessions.main.add(user('ann'))
      sessions.reports.add(user('zoe'))
      return 'both'
    })
  })

const nameOf = (url: string): string => new URL(url).pathname.slice(1)

const namesBelow = ({ children }: SpanTree, { url }: { url: string }): string[] =>
  children
    .filter(({ span }) => span.attributes['db.namespace'] === nameOf(url))
    .map(({ name }) => name)

describe('telemetry of two databases', () => {
  it('has the spans of both below the request, each as its database says', async () => {
    await using served = await serveBoth()
    expect((await served.fetch('/', { method: 'POST' })).status).toBe(200)
    const spans = takeSpans()
    const trees = treesOf(spans)
    expect(trees.map(({ name }) => name)).toEqual(['request'])
    const [request] = trees as [SpanTree]
    const [ofMain, ofReports] = [namesBelow(request, main), namesBelow(request, reports)]
    expect(ofMain).toEqual(['db.session.open', 'db.session.commit', 'db.session.close'])
    expect(ofReports).toContain('db.session.commit')
    expect(ofReports).not.toContain('db.session.open')
    expect(ofReports).not.toContain('db.session.close')
    const hasText = spans
      .filter(({ name }) => name === 'db.session.flush')
      .map(({ attributes }) => [attributes['db.namespace'], 'db.query.text' in attributes])
    expect(Object.fromEntries(hasText)).toEqual({
      [nameOf(main.url)]: true,
      [nameOf(reports.url)]: false,
    })
  })

  it('logs the slow statements of that which has a limit', async () => {
    await using served = await serveBoth()
    expect((await served.fetch('/', { method: 'POST' })).status).toBe(200)
    const slow = served.logs.filter((line): line is LogLine => 'slowQuery' in line)
    expect(slow.map(({ msg }) => msg).filter((msg) => msg.includes('INSERT users'))).toHaveLength(1)
  })
})
