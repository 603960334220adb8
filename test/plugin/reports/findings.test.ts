import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Finding, selectinload } from '../../../orm/index.ts'
import { findingList } from '../../../plugin/response-headers.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post } from '../../support/entities.ts'
import { recordWarnings } from '../../support/warnings.ts'
import { serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
beforeEach(async () => {
  await stored.truncate()
  await query(
    `insert into users (name, email) select 'user' || n, 'e' || n from generate_series(1, 10) n`,
  )
  await query(`insert into posts (title, author_id) select 'post', n from generate_series(1, 10) n`)
})

const serving = (): Promise<Served> =>
  serve({ database }, (app) => {
    app.get('/lazy', async ({ session }) => {
      const posts = await session.find(Post).toList()
      for (const post of posts) await post.author
      return posts.length
    })
    app.get('/eager', async ({ session }) => {
      const posts = await session.find(Post).options(selectinload(Post.author)).toList()
      return posts.length
    })
    app.get('/lazy-and-fails', async ({ session }) => {
      for (const post of await session.find(Post).toList()) await post.author
      throw new Error('boom')
    })
  })

const warnings = recordWarnings()

/** The answer to a request that changes something, has a finding, and warns in this way. */
async function answerWhere(warn: () => void): Promise<Response> {
  await using served = await serve({ database }, (app) => {
    app.get('/', async ({ session, log }) => {
      log.warn = warn
      const posts = await session.find(Post).toList()
      for (const post of posts) await post.author
      Object.assign(posts[0] ?? {}, { title: 'changed' })
      return posts.length
    })
  })
  return await served.fetch('/')
}

describe('a request that loads a relation one by one', () => {
  it.each([
    ['/lazy', 200],
    ['/lazy-and-fails', 500],
  ])('says so in a header, and once in the log: %s', async (path, status) => {
    await using served = await serving()
    const response = await served.fetch(path)
    expect(response.status).toBe(status)
    expect(response.headers.get('x-db-query-count')).toBe('11')
    expect(response.headers.get('x-db-n-plus-one')).toBe('Post.author;n=10;k=relation')
    const warnings = served.logs.filter(({ msg }) => msg.startsWith('N+1'))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]?.msg).toMatch(/Post\.author.*10.*selectinload\(Post\.author\)/)
  })

  it('is answered and saved where its log cannot be written', async () => {
    const told = await answerWhere(() => {
      throw new Error('the disk is full')
    })
    expect(told.status).toBe(200)
    expect(await warnings()).toEqual(['DATA_BRIDGE_OBSERVER'])
    expect(await query(`select 1 from posts where title = 'changed'`)).toHaveLength(1)
  })

  it('says nothing where a loader does it', async () => {
    await using served = await serving()
    const response = await served.fetch('/eager')
    expect(response.headers.get('x-db-query-count')).toBe('2')
    expect(response.headers.has('x-db-n-plus-one')).toBe(false)
    expect(served.logs.filter(({ level }) => level > 30)).toEqual([])
  })
})

const findingOf = (target: string, count: number): Finding => ({
  kind: 'n1.relation',
  target,
  count,
  avoidableQueries: count - 1,
  confidence: 'certain',
  severity: 'warn',
  durationMs: 1,
  avoidableMs: 1,
  parent: { target: 'Post', rows: count },
  sql: 'select',
  fix: 'selectinload(…)',
})

const item =
  /^(?:"((?:\\["\\]|[ !#-[\]-~])*)"|%"((?:%[0-9a-f]{2}|[ !#$&-~])*)"|([A-Za-z*][\w!#$%&'*+\-.^`|~:/]*));n=(\d+);k=relation(?:;more=(\d+))?(?:, |$)/

/** Reads the list as RFC 9651 says: strings, display strings and tokens, with their parameters. */
function parse(list: string): { target: string; count: number; more: number }[] {
  const parsed: { target: string; count: number; more: number }[] = []
  for (let rest = list; rest !== '';) {
    const match = item.exec(rest)
    if (match === null) throw new Error(`no list of RFC 9651: ${rest}`)
    const [all, quoted, display, token, count, more = 0] = match
    const target = quoted?.replace(/\\(.)/g, '$1') ?? token ?? decodeURIComponent(display ?? '')
    parsed.push({ target, count: Number(count), more: Number(more) })
    rest = rest.slice(all.length)
  }
  return parsed
}

describe('the list of findings', () => {
  const target = fc.oneof(
    fc.constantFrom('Post.author', 'Straße.häuser', 'say "hi"', String.raw`back\slash`, '50%', ''),
    fc.string({ unit: 'grapheme', maxLength: 30 }),
  )
  const findings = fc.array(
    fc.tuple(target, fc.nat({ max: 999 })).map(([name, count]) => findingOf(name, count)),
    { minLength: 1, maxLength: 60 },
  )

  it('is one of RFC 9651, which says of each finding what and how often, or how many are left out', () => {
    fc.assert(
      fc.property(findings, (all) => {
        const parsed = parse(findingList(all))
        const more = parsed.at(-1)?.more ?? 0
        expect(parsed.length + more).toBe(all.length)
        expect(parsed.map((each) => [each.target, each.count])).toEqual(
          all.slice(0, parsed.length).map((each) => [each.target, each.count]),
        )
      }),
    )
  })

  it('fits into a header, however many there are', () => {
    fc.assert(
      fc.property(findings, (all) => {
        expect(findingList(all).length).toBeLessThanOrEqual(1024)
      }),
    )
  })
})
