import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  allowNPlusOne,
  Database,
  type NPlusOneAllowance,
  type Session,
  sql,
} from '../../../orm/index.ts'
import { currentUnit } from '../../../orm/jobs.ts'
import type { Unit } from '../../../orm/n-plus-one/unit.ts'
import type { DataBridgeOptions } from '../../../plugin/index.ts'
import { blog, Comment, Post, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'
import { recordWarnings } from '../../support/warnings.ts'
import { type LogLine, serve, type Served } from '../serve.ts'
import { blogOfTen, loadAuthors, loadComments, told } from './blog-of-ten.ts'

const { database, url } = await blogOfTen()
const warnings = recordWarnings()
afterEach(() => vi.unstubAllEnvs())

const reason = 'a page has ten posts'

const serving = (allow: readonly NPlusOneAllowance[]): Promise<Served> =>
  serve({ connectionString: url, nPlusOne: { allow } }, (app) => {
    app.get('/authors', ({ session }) => loadAuthors(session))
    app.get('/comments', ({ session }) => loadComments(session))
    app.get('/none', async () => 'none')
  })

const header = async (served: Served, path: string): Promise<string | null> =>
  (await served.fetch(path)).headers.get('x-db-n-plus-one')

describe('nPlusOne.allow', () => {
  it.each<[string, NPlusOneAllowance]>([
    ['a relation', { relation: Post.author, reason }],
    ['a target', { target: 'Post.author', reason }],
    ['a kind', { relation: Post.author, kind: 'n1.relation', reason }],
    ['a route', { relation: Post.author, route: 'GET /authors', reason }],
    ['a file', { relation: Post.author, file: 'reports/blog-of-ten.ts', reason }],
    ['a time', { relation: Post.author, reason, until: '9999-12-31' }],
  ])('accepts what it names by %s, and nothing else', async (_what, entry) => {
    await using served = await serving([entry])
    expect(await header(served, '/authors')).toBe(null)
    expect(await header(served, '/comments')).toBe('Post.comments;n=10;k=relation')
    expect(told(served)).toEqual(['Post.comments 10'])
  })

  it.each<[string, NPlusOneAllowance]>([
    ['another kind', { relation: Post.author, kind: 'n1.query', reason }],
    ['another route', { relation: Post.author, route: 'POST /authors', reason }],
    ['another file', { relation: Post.author, file: 'of-ten.ts', reason }],
    ['another relation', { relation: Comment.post, reason }],
  ])('does not accept %s', async (_what, entry) => {
    await using served = await serving([entry])
    expect(await header(served, '/authors')).toBe('Post.author;n=10;k=relation')
  })

  it.each<[string, unknown, string]>([
    ['no list', {}, 'nPlusOne.allow expected a list of entries, got'],
    ['no entry', ['Post.author'], 'nPlusOne.allow[0] expected an object such as'],
    ['no reason', [{ relation: Post.author }], 'nPlusOne.allow[0].reason expected why'],
    ['an empty reason', [{ relation: Post.author, reason: ' ' }], '[0].reason expected why'],
    ['nothing to match', [{ reason }], '[0] expected a relation or a target, got neither'],
    [
      'no relation',
      [
        { relation: Post.author, reason },
        { relation: 'Post.author', reason },
      ],
      'nPlusOne.allow[1].relation expected a relation such as Post.comments',
    ],
    ['an undefined relation', [{ relation: Reflect.get(Post, 'autor'), reason }], 'got neither'],
    ['a kind that is none', [{ target: 'User', kind: 'n1.x', reason }], "kind expected one of 'n1"],
    ['a route that is none', [{ target: 'User', route: '/x', reason }], 'expected a method and a'],
    [
      'a day that is none',
      [{ target: 'User', until: '2027-02-30', reason }],
      'expected a day such',
    ],
    ['an option that is none', [{ target: 'User', raeson: 1, reason }], 'has no option raeson'],
    [
      'an entity that is none',
      [{ target: 'Usr', reason }],
      'expected one of the tables User, Post',
    ],
    [
      'a relation that is none',
      [{ target: 'Post.autor', reason }],
      'expected a relation of Post, which has author and comments; got Post.autor',
    ],
  ])('is refused at startup with %s', async (_what, allow, message) => {
    const nPlusOne = { allow } as DataBridgeOptions['nPlusOne']
    await expect(
      serve({ connectionString: url, tables: blog, nPlusOne }, () => {}),
    ).rejects.toThrow(coded('DATA_BRIDGE_ERR_OPTION', message))
  })

  it('warns once of an entry whose time is over, and ignores it', async () => {
    await warnings()
    await using served = await serving([{ relation: Post.author, reason, until: '2020-01-01' }])
    for (const path of ['/authors', '/authors'])
      expect(await header(served, path)).toBe('Post.author;n=10;k=relation')
    expect(await warnings()).toEqual(['DATA_BRIDGE_N_PLUS_ONE_ALLOW'])
  })
})

describe('entries that have matched nothing', () => {
  const entries = [
    { relation: Post.author, reason: 'used' },
    { relation: Comment.post, reason: 'unused' },
    { target: 'User', route: 'GET /other', reason: 'its route was not requested' },
    { target: 'User', route: 'GET /authors', reason: 'its route was requested' },
  ]
  const staleAfter = async (paths: readonly string[]): Promise<readonly LogLine[]> => {
    const served = await serving(entries)
    for (const path of paths) await served.fetch(path)
    await served.app.close()
    return served.logs.filter((line) => 'stale' in line)
  }

  it('are told in one line when the application closes', async () => {
    const [line, ...others] = await staleAfter(['/authors', '/none'])
    expect(others).toEqual([])
    expect(line).toMatchObject({
      level: 40,
      stale: [
        { what: 'Comment.post', reason: 'unused' },
        { what: 'User GET /authors', reason: 'its route was requested' },
      ],
      msg: 'nPlusOne.allow: nothing has matched the entries for Comment.post and User GET /authors; remove them',
    })
  })

  it('are not told where no request was watched, and in production', async () => {
    expect(await staleAfter(['/none'])).toEqual([])
    vi.stubEnv('NODE_ENV', 'production')
    expect(await staleAfter(['/authors'])).toEqual([])
  })
})

/** The findings of a session in which some work is done. */
async function found(work: (session: Session) => Promise<unknown>): Promise<readonly string[]> {
  await using session = database.session({ nPlusOne: 'detect' })
  await work(session)
  return session.stats.findings.map(({ target, count }) => `${target} ${count}`)
}

describe('allowNPlusOne()', () => {
  it('gives what its function gives, at once or later', async () => {
    expect(allowNPlusOne(reason, () => 5)).toBe(5)
    expect(await allowNPlusOne(reason, async () => 'later')).toBe('later')
    expect(() =>
      allowNPlusOne(reason, () => {
        throw new Error('thrown')
      }),
    ).toThrow('thrown')
  })

  it('accepts what begins in it, and nothing before, after or beside it', async () => {
    const targets = await found(async (session) => {
      await allowNPlusOne(reason, () => loadAuthors(session))
      await Promise.all([
        allowNPlusOne(reason, async () => {
          for (const { id } of await session.find(User).toList())
            await session.execute(sql`select id from posts where author_id = ${id}`)
        }),
        loadComments(session),
      ])
    })
    expect(targets).toEqual(['Post.comments 10'])
  })

  it('accepts the loads of a list that was read before', async () => {
    const targets = await found(async (session) => {
      const posts = await session.find(Post).toList()
      await allowNPlusOne(reason, async () => {
        for (const post of posts) await post.author
      })
      for (const post of posts) await post.comments
    })
    expect(targets).toEqual(['Post.comments 10'])
  })

  it('may be nested, and ends with an error', async () => {
    const targets = await found(async (session) => {
      const failing = allowNPlusOne(reason, async () => {
        await allowNPlusOne('inner', () => session.find(User).count())
        await loadAuthors(session)
        throw new Error('thrown')
      })
      await expect(failing).rejects.toThrow('thrown')
      await loadComments(session)
    })
    expect(targets).toEqual(['Post.comments 10'])
  })

  it('accepts in the mode strict', async () => {
    await using strict = new Database({ connectionString: url, nPlusOne: 'strict' })
    const job = strict.run((session) => allowNPlusOne(reason, () => loadAuthors(session)))
    await expect(job).resolves.not.toThrow()
  })

  it.each<[unknown, unknown, string]>([
    ['', () => 1, 'expected a reason, got'],
    [undefined, () => 1, 'expected a reason, got'],
    [reason, undefined, 'expected a function, got'],
  ])('is refused with %j and %j', (why, fn, message) => {
    expect(() => allowNPlusOne(why as string, fn as () => void)).toThrow(
      coded('DATA_BRIDGE_ERR_OPTION', message),
    )
  })
})

describe('what is allowed', () => {
  it('is counted', async () => {
    const allow = [{ relation: Post.comments, reason }]
    await using own = new Database({ connectionString: url, nPlusOne: { mode: 'detect', allow } })
    const units: Unit[] = []
    await own.run(async (session) => {
      units.push(currentUnit() as Unit)
      await allowNPlusOne(reason, () => loadAuthors(session))
      await loadComments(session)
    })
    const [unit] = units
    expect(unit?.stats.findings).toEqual([])
    expect(unit?.allowed.map(({ target, count }) => [target, count])).toEqual([
      ['Post.comments', 10],
      ['Post.author', 10],
    ])
  })
})
