import { SpanKind } from '@opentelemetry/api'
import { beforeEach, describe, expect, it } from 'vitest'
import { Database, type DatabaseOptions, selectinload, sql } from '../../orm/index.ts'
import { wantsOldNames } from '../../orm/telemetry/span-settings.ts'
import { coded } from '../support/failure.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post, User, user } from '../support/entities.ts'
import { startTracing, takeSpans } from './traced.ts'

startTracing()
const { url, truncate } = await testDatabase(blog)

beforeEach(async () => {
  await truncate()
  takeSpans()
})

async function spansWith(options: Omit<DatabaseOptions, 'connectionString'>) {
  await using database = new Database({ connectionString: url, ...options })
  await database.run(async (session) => {
    session.add(new Post({ title: 'secret title', author: user('ann') }))
  })
  await database.run(async (session) => {
    await session
      .find(Post)
      .filter({ title: 'secret title', likes: 0 })
      .options(selectinload(Post.author))
      .toList()
    await session.execute(sql`select ${'hidden'}::text as it`)
  })
  return takeSpans()
}

const namesWith = async (options: Omit<DatabaseOptions, 'connectionString'>) => [
  ...new Set((await spansWith(options)).map(({ name }) => name)),
]

describe('the option spans', () => {
  const queries = ['db.query.find', 'db.relationship.selectinload', 'db.query.execute']

  it.each([
    ['all', ['db.session.open', 'db.session.flush', 'db.session.commit', 'db.session.close']],
    ['queries+session', ['db.session.flush', 'db.session.commit']],
    ['queries', []],
  ] as const)('%s: queries, and of the session %j', async (spans, ofSession) => {
    expect((await namesWith({ spans })).toSorted()).toEqual([...queries, ...ofSession].toSorted())
  })

  it('is refused where it is none', () => {
    const spans = 'some' as 'all'
    expect(() => new Database({ connectionString: url, spans })).toThrow(
      coded(
        'DATA_BRIDGE_ERR_OPTION',
        `spans expected one of 'all', 'queries+session', 'queries', got`,
      ),
    )
  })
})

describe('the statement on a span', () => {
  it('has its text, and no values', async () => {
    const spans = await spansWith({})
    const find = spans.find(({ name }) => name === 'db.query.find')
    expect(find?.attributes).toMatchObject({
      'db.query.summary': 'SELECT posts',
      'db.query.text': expect.stringMatching(/^select .* from "posts" .*where .*\$1.*\$2/s),
    })
    expect(JSON.stringify(spans.map(({ attributes, events }) => [attributes, events]))).not.toMatch(
      /secret title|hidden/,
    )
  })

  it('has no text with queryText: false', async () => {
    const spans = await spansWith({ queryText: false })
    expect(spans.flatMap(({ attributes }) => Object.keys(attributes))).not.toContain(
      'db.query.text',
    )
    const summaries = spans.map(({ attributes }) => attributes['db.query.summary'])
    expect(summaries).toContain('SELECT posts')
  })

  it('has its values with queryParameters: true, but not those of a flush', async () => {
    const spans = await spansWith({ queryParameters: true })
    const parameters = spans.map(({ name, attributes }) => [
      name,
      ...Object.entries(attributes).filter(([key]) => key.startsWith('db.query.parameter.')),
    ])
    expect(parameters.filter(({ length }) => length > 1)).toEqual([
      ['db.relationship.selectinload', ['db.query.parameter.0', '{1}']],
      ['db.query.find', ['db.query.parameter.0', 'secret title'], ['db.query.parameter.1', '0']],
      ['db.query.execute', ['db.query.parameter.0', 'hidden']],
    ])
  })

  it('has no more of a text and of a value than can be exported', async () => {
    await using database = new Database({ connectionString: url, queryParameters: true })
    const texts = ['select ', ...Array.from({ length: 899 }, () => '::text, '), '::text']
    const template = Object.assign(texts, { raw: texts })
    const statement = sql(template, 'x'.repeat(5000), ...Array.from({ length: 899 }, () => 'x'))
    await database.run((session) => session.execute(statement))
    const span = takeSpans().find(({ name }) => name === 'db.query.execute')
    expect(span?.attributes['db.query.text']).toMatch(/^select \$1::text, [^…]+…$/)
    expect(span?.attributes['db.query.text']).toHaveLength(8193)
    expect(span?.attributes).toMatchObject({
      'db.query.parameter.0': `${'x'.repeat(1024)}…`,
      'db.result.count': 1,
    })
  })

  it('is a batch where a flush sent several', async () => {
    await using database = new Database({ connectionString: url })
    await database.run(async (session) => {
      session.add(user('ann'))
      await session.flush()
      session.add(new Post({ title: 'a', author: user('ben') }))
      await session.flush()
      session.add(user('eve'), new User({ id: 7, name: 'other', email: 'other@example.com' }))
    })
    const flushes = takeSpans().filter(({ name }) => name === 'db.session.flush')
    expect(flushes.map(({ kind, attributes }) => ({ kind, ...attributes }))).toMatchObject([
      { kind: SpanKind.CLIENT, 'db.query.summary': 'INSERT users' },
      { 'db.query.summary': 'BATCH', 'db.operation.batch.size': 2 },
      { 'db.query.summary': 'BATCH INSERT users', 'db.operation.batch.size': 2 },
    ])
    expect(flushes[0]?.attributes).not.toHaveProperty('db.operation.batch.size')
    expect(flushes[1]?.attributes['db.query.text']).toMatch(
      /^insert into "users" .*; insert into "posts" /s,
    )
  })
})

describe('OTEL_SEMCONV_STABILITY_OPT_IN', () => {
  it.each([
    [undefined, true],
    ['', true],
    ['http', true],
    ['database', false],
    ['http, database', false],
    ['database,database/dup', true],
    ['database/dup', true],
  ])('%j keeps the older names: %s', (value, expected) => {
    expect(wantsOldNames({ OTEL_SEMCONV_STABILITY_OPT_IN: value })).toBe(expected)
  })

  it('leaves out the names that have a stable twin with database', async () => {
    const before = process.env.OTEL_SEMCONV_STABILITY_OPT_IN
    try {
      process.env.OTEL_SEMCONV_STABILITY_OPT_IN = 'database'
      const spans = await spansWith({})
      const names = new Set(spans.flatMap(({ attributes }) => Object.keys(attributes)))
      expect([...names]).toEqual(
        expect.arrayContaining(['db.system.name', 'db.response.returned_rows']),
      )
      expect([...names]).not.toEqual(expect.arrayContaining(['db.system']))
      expect([...names]).not.toEqual(expect.arrayContaining(['db.result.count']))
    } finally {
      if (before === undefined) delete process.env.OTEL_SEMCONV_STABILITY_OPT_IN
      else process.env.OTEL_SEMCONV_STABILITY_OPT_IN = before
    }
  })
})
