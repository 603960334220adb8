import { readFileSync } from 'node:fs'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { beforeAll, describe, expect, it } from 'vitest'
import { count, countload, Database, joinedload, selectinload, sql } from '../../orm/index.ts'
import { serve } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Comment, Post, User, user } from '../support/entities.ts'
import { startTracing, takeSpans } from '../telemetry/traced.ts'
import { codesIn, tableBelow } from './markdown-table.ts'

/** A row of the table: spans, or a group of them in words. */
interface Row {
  readonly spans: readonly string[]
  readonly group: string
  readonly kind: string
  readonly attributes: readonly string[]
}

const document = readFileSync(new URL('../../docs/telemetry.md', import.meta.url), 'utf8')
const rows = tableBelow(document, '## Spans').map(
  ([span = '', kind = '', attributes = '']): Row => ({
    spans: codesIn(span),
    group: span,
    kind,
    attributes: codesIn(attributes),
  }),
)
const group = (name: string): readonly string[] =>
  rows.find((row) => row.group === name)?.attributes ?? []

startTracing()
const { url, query } = await testDatabase(blog)

let spans: readonly ReadableSpan[] = []
beforeAll(async () => {
  spans = await spansOfEverything()
})

const isOurs = ({ name }: ReadableSpan): boolean => name.startsWith('db.')
const hasFailed = ({ status }: ReadableSpan): boolean => status.code === SpanStatusCode.ERROR
const request = (): ReadableSpan => spans.find(({ name }) => name === 'request') as ReadableSpan

describe('the table of spans in docs/telemetry.md', () => {
  it('has the spans that occur, with their kinds, and no others', () => {
    const documented = rows.flatMap(({ spans: names, kind }) =>
      names.map((name) => `${name} ${kind}`),
    )
    const occurring = spans.filter(isOurs).map((span) => `${span.name} ${kindOf(span)}`)
    expect(documented.toSorted()).toEqual([...new Set(occurring)].toSorted())
  })

  it.each(rows.flatMap((row) => row.spans.map((name) => [name, row.kind, row] as const)))(
    'has the attributes of %s, %s, and no others',
    (name, kind, { attributes }) => {
      const found = spans.filter((span) => span.name === name && kindOf(span) === kind)
      const succeeded = found.filter((span) => !hasFailed(span))
      expect(namesOf(succeeded)).toEqual([...group('every span'), ...attributes].toSorted())
    },
  )

  it('has what every span has', () => {
    expect(group('every span')).not.toEqual([])
    for (const span of spans.filter(isOurs)) {
      expect(Object.keys(span.attributes)).toEqual(expect.arrayContaining([...group('every span')]))
    }
  })

  it('has what a span that failed has beside', () => {
    const failed = spans.filter((span) => isOurs(span) && hasFailed(span))
    const others = new Set(namesOf(spans.filter((span) => isOurs(span) && !hasFailed(span))))
    const beside = namesOf(failed).filter((name) => !others.has(name))
    expect(beside).toEqual([...group('every span that failed')].toSorted())
  })

  it("has what the request's span is told", () => {
    const told = namesOf([request()]).filter((name) => name.startsWith('db.'))
    expect(told).toEqual([...group("the request's span")].toSorted())
  })
})

describe('the table of span events in docs/telemetry.md', () => {
  it('has the events that occur, with their attributes, and no others', () => {
    const documented = tableBelow(document, '### Events').map(([event = '', , attributes = '']) =>
      [event, ...codesIn(attributes).toSorted()].join(' '),
    )
    const events = [...spans.filter(isOurs), request()].flatMap((span) => span.events)
    const names = [...new Set(events.map(({ name }) => name))]
    const occurring = names.map((name) => {
      const alike = events.filter((event) => event.name === name)
      const attributes = alike.flatMap((event) => Object.keys(event.attributes ?? {}))
      return [`\`${name}\``, ...[...new Set(attributes)].toSorted()].join(' ')
    })
    expect(documented.toSorted()).toEqual(occurring.toSorted())
  })
})

/** The spans of sessions that do everything once, and of a request with a finding. */
async function spansOfEverything(): Promise<readonly ReadableSpan[]> {
  await using database = new Database({ connectionString: url, queryParameters: true })
  await database.run(async (session) => {
    const posts = [1, 2, 3].map((n) => new Post({ title: 'post', author: user(`user${n}`) }))
    session.add(posts, new Comment({ body: 'comment', post: posts[0] as Post }))
    await session.flush()
  })
  await database.run(async (session) => {
    const posts = session.find(Post).filter({ likes: 0 })
    await posts.options(selectinload(Post.author)).limit(2).toList()
    await session.find(User).options(joinedload(User.posts), countload(User.posts)).toList()
    await posts.first()
    await posts.filter({ id: 1 }).one()
    await session.get(Comment, 1)
    await session.get(Comment, 1) // the identity map has it
    await posts.limit(2).count()
    await posts.limit(2).exists()
    await posts
      .groupBy((post) => post.authorId)
      .limit(2)
      .aggregate(() => ({ posts: count() }))
    await session.execute(sql`select ${1}::integer as one`)
    const ann = { name: 'Ann', email: 'ann@example.com' }
    await session.insertMany(User, [ann])
    await session.insertMany(User, [ann], { onConflict: 'ignore' })
    await session.upsert(User, ann, { on: ['email'], update: ['name'] })
    await session.copy(User, [{ name: 'Ben', email: 'ben@example.com' }])
    await (
      await session.get(Comment, 1)
    )?.post // the identity map has it
    await (
      await session.get(Post, 3)
    )?.author
    for (const post of await session.find(Post).lazy('peers').toList()) await post.comments
    await posts.limit(2).update({ likes: 1 })
    await session.find(Comment).all().limit(2).delete()
    await session.rollback()
    session.afterCommit(function callback() {})
  })
  await fail(database)
  await requestWithFinding(database)
  return takeSpans()
}

async function fail(database: Database): Promise<void> {
  await using session = database.session()
  session.add(new User({ name: 'twice', email: 'user1@example.com' }))
  await expect(session.flush()).rejects.toThrow('a unique constraint is violated')
  await session.rollback()
}

async function requestWithFinding(database: Database): Promise<void> {
  await using served = await serve({ database }, (app) => {
    app.get('/lazy', async ({ session }) => {
      for (const post of await session.find(Post).toList()) await post.author
      let attempts = 0
      const conflictOnce = sql`do $$ begin raise exception using errcode = '40001'; end $$`
      await database.transaction(
        async (job) => void ((attempts += 1) === 1 && (await job.execute(conflictOnce))),
        { retries: 1 },
      )
      return 'done'
    })
  })
  await served.fetch('/lazy')
  expect(await query('select from posts')).toHaveLength(3)
}

function kindOf({ kind }: ReadableSpan): string {
  return SpanKind[kind].toLowerCase()
}

function namesOf(some: readonly ReadableSpan[]): readonly string[] {
  const names = some.flatMap(({ attributes }) => Object.keys(attributes))
  return [
    ...new Set(names.map((name) => name.replace(/^(db\.query\.parameter)\.\d+$/, '$1.<index>'))),
  ].toSorted()
}
