import { eq } from 'drizzle-orm'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  count,
  hasMany,
  integer,
  manyToMany,
  selectinload,
  type Session,
  sql,
  table,
} from '../../../orm/index.ts'
import { drizzleOf, kyselyOf, users } from '../../support/builders.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, User, user } from '../../support/entities.ts'
import { foundIn, type Work } from './found.ts'

class Tag extends table('tags', {
  id: integer().primaryKey().generated(),
  notes: () => manyToMany(Note, { through: 'note_tags' }),
}) {}

class Note extends table('notes', {
  id: integer().primaryKey().generated(),
  tags: () => manyToMany(Tag, { through: 'note_tags' }),
  pages: () => hasMany(Page, 'noteId'),
}) {}

class Page extends table('pages', {
  id: integer().primaryKey().generated(),
  noteId: integer().references(() => Note),
}) {}

const { database } = await testDatabase([...blog, Tag, Note, Page])

beforeAll(async () => {
  await database.run((session) => {
    for (let index = 0; index < 6; index += 1) {
      const author = user(`user${index}`)
      const post = new Post({ title: `post${index}`, author })
      session.add(post, new Comment({ body: 'a', post }), new Comment({ body: 'b', post }))
      session.add(new Note({}), new Tag({}))
    }
  })
})

const findingsOf = foundIn(database)

const posts = (session: Session): Promise<Post[]> =>
  session
    .find(Post)
    .orderBy((post) => post.id.asc())
    .toList()

describe('the relations of a list, counted one by one', () => {
  it('P19 count per owner', async () => {
    const findings = await findingsOf(async (session) => {
      for (const post of await posts(session)) await post.comments.count()
    })
    expect(findings).toEqual([
      {
        kind: 'n1.query',
        target: 'Post.comments',
        count: 6,
        avoidableQueries: 5,
        confidence: 'certain',
        severity: 'warn',
        durationMs: expect.any(Number),
        avoidableMs: expect.any(Number),
        site: expect.objectContaining({ file: 'test/n-plus-one/scenarios/queries.test.ts' }),
        parent: { target: 'Post', rows: 6, site: expect.objectContaining({ function: 'posts' }) },
        sql: expect.stringMatching(/^select count\(.* from "comments"/),
        fix: 'find(Post).options(countload(Post.comments))',
        path: ['Post.comments'],
      },
    ])
  })

  it('P19 count per owner: two owners, and under Promise.all', async () => {
    const two = await findingsOf(async (session) => {
      for (const post of (await posts(session)).slice(0, 2)) await post.comments.count()
    })
    expect(two).toMatchObject([{ kind: 'n1.query', target: 'Post.comments', count: 2 }])
    const all = await findingsOf(async (session) => {
      await Promise.all((await posts(session)).map((post) => post.comments.count()))
    })
    expect(all).toMatchObject([{ kind: 'n1.query', target: 'Post.comments', count: 6 }])
  })

  it('P19 count per owner: behind another relation', async () => {
    const findings = await findingsOf(async (session) => {
      const all = await session.find(User).options(selectinload(User.posts)).toList()
      for (const { posts: own } of all) for (const post of own.value) await post.comments.count()
    })
    expect(findings).toMatchObject([
      {
        target: 'Post.comments',
        count: 6,
        parent: { target: 'User' },
        fix: 'find(User).options(selectinload(User.posts).options(countload(Post.comments)))',
      },
    ])
  })

  it('P19 count per owner: of entities that were read one by one', async () => {
    const findings = await findingsOf(async (session) => {
      for (const id of [1, 2, 3]) await (await session.getOrThrow(Post, id)).comments.count()
    })
    expect(findings).toMatchObject([
      { kind: 'n1.get', target: 'Post', count: 3, confidence: 'likely' },
      { kind: 'n1.query', target: 'Post.comments', count: 3, confidence: 'likely' },
    ])
  })

  it('P19 count per owner, in mode count', async () => {
    const count = (rows: number): Work => {
      return async (session) => {
        for (const post of (await posts(session)).slice(0, rows)) await post.comments.count()
      }
    }
    expect(await findingsOf(count(4), { nPlusOne: 'count' })).toEqual([])
    expect(await findingsOf(count(5), { nPlusOne: 'count' })).toMatchObject([{ count: 5 }])
  })

  it('P20 exists/empty/include per owner', async () => {
    const findings = await findingsOf(async (session) => {
      for (const post of await posts(session)) await post.comments.exists()
    })
    expect(findings).toMatchObject([
      {
        kind: 'n1.query',
        target: 'Post.comments',
        count: 6,
        confidence: 'certain',
        fix: 'find(Post).options(countload(Post.comments))',
      },
    ])
  })

  it('P20 exists, and count of the same owners', async () => {
    const findings = await findingsOf(async (session) => {
      for (const post of await posts(session))
        if (await post.comments.exists()) await post.comments.count()
    })
    expect(findings).toMatchObject([{ kind: 'n1.query', target: 'Post.comments', count: 12 }])
  })

  it('N47 count() once on a single owner', async () => {
    const findings = await findingsOf(async (session) => {
      const [first] = await posts(session)
      await first?.comments.count()
      await first?.comments.exists()
      await (await session.getOrThrow(User, 1)).posts.count()
    })
    expect(findings).toEqual([])
  })
})

const certain = { kind: 'n1.query', count: 6, confidence: 'certain', severity: 'warn' }

describe('queries in a loop over rows', () => {
  it('P21 filtered find per owner', async () => {
    const first = await findingsOf(async (session) => {
      for (const post of await posts(session))
        await session
          .find(Comment)
          .filter((comment) => comment.postId.eq(post.id))
          .filter({ body: 'a' })
          .first()
    })
    const fix = 'find(Post).options(selectinload(Post.comments))'
    const parent = { target: 'Post', rows: 6 }
    expect(first).toMatchObject([{ ...certain, target: 'SELECT comments', parent, fix }])
    const top = await findingsOf(async (session) => {
      for (const { id } of await posts(session))
        await session.find(Comment).filter({ postId: id }).limit(2).toList()
    })
    expect(top).toMatchObject([{ ...certain, target: 'SELECT comments', parent, fix }])
  })

  it('P21 filtered count, exists, aggregate and selected rows per owner', async () => {
    const of = (session: Session, id: number) => session.find(Comment).filter({ postId: id })
    const works: readonly (readonly [
      string,
      (session: Session, id: number) => Promise<unknown>,
    ])[] = [
      ['countload', (session, id) => of(session, id).count()],
      ['countload', (session, id) => of(session, id).exists()],
      ['selectinload', (session, id) => of(session, id).aggregate(() => ({ all: count() }))],
      [
        'selectinload',
        (session, id) =>
          of(session, id)
            .select((row) => ({ body: row.body }))
            .toList(),
      ],
      [
        'selectinload',
        (session, id) =>
          of(session, id)
            .select((row) => ({ body: row.body }))
            .first(),
      ],
    ]
    for (const [loader, work] of works) {
      const findings = await findingsOf(async (session) => {
        for (const { id } of await posts(session)) await work(session, id)
      })
      const fix = `find(Post).options(${loader}(Post.comments))`
      expect(findings).toMatchObject([{ ...certain, target: 'SELECT comments', fix }])
    }
  })

  it('P21 through a link table, and by a foreign key', async () => {
    const linked = await findingsOf(async (session) => {
      for (const note of await session.find(Note).toList())
        await session.execute(sql`select tag_id from note_tags where note_id = ${note.id}`)
    })
    expect(linked).toMatchObject([
      {
        ...certain,
        target: 'SELECT note_tags',
        fix: 'find(Note).options(selectinload(Note.tags))',
      },
    ])
    const authors = await findingsOf(async (session) => {
      for (const { authorId } of await posts(session))
        await session.find(User).filter({ id: authorId }).one()
    })
    expect(authors).toMatchObject([
      { ...certain, target: 'SELECT users', fix: 'find(Post).options(selectinload(Post.author))' },
    ])
  })

  it('P26 findOne({where}) in loop', async () => {
    const findings = await findingsOf(async (session) => {
      for (let index = 0; index < 5; index += 1)
        await session
          .find(User)
          .filter({ email: `user${index}@example.com` })
          .first()
    })
    expect(findings).toMatchObject([
      {
        kind: 'n1.query',
        target: 'SELECT users',
        count: 5,
        confidence: 'likely',
        fix: expect.stringContaining('.in(values)'),
      },
    ])
    expect(findings[0]).not.toHaveProperty('parent')
  })

  it('P26 whose values are a few small numbers, after a longer list', async () => {
    const findings = await findingsOf(async (session) => {
      await posts(session)
      await session.execute(sql`insert into notes select from generate_series(1, 20)`)
      await session.find(Note).toList()
      for (const likes of [1, 2, 3]) {
        await session.find(User).filter({ age: likes }).toList()
        await session.find(Comment).filter({ postId: 1, id: likes }).toList()
      }
    })
    expect(findings).toMatchObject([
      { target: 'SELECT users', count: 3, confidence: 'likely' },
      { target: 'SELECT comments', count: 3, confidence: 'likely' },
    ])
  })

  it('P27 raw SQL in loop', async () => {
    const findings = await findingsOf(async (session) => {
      for (const post of await posts(session))
        await session.execute(sql`select body from comments where post_id = ${post.id}`)
    })
    expect(findings).toMatchObject([
      {
        ...certain,
        target: 'SELECT comments',
        sql: 'select body from comments where post_id = $1',
        fix: 'find(Post).options(selectinload(Post.comments))',
      },
    ])
  })

  it('P27 raw SQL in loop: Kysely, Drizzle, and a table that nobody has declared', async () => {
    const kysely = await findingsOf(async (session) => {
      const db = kyselyOf(session)
      for (const { authorId } of await posts(session))
        await db.selectFrom('users').select('name').where('id', '=', authorId).execute()
    })
    expect(kysely).toMatchObject([{ ...certain, target: 'SELECT users' }])
    const drizzle = await findingsOf(async (session) => {
      for (const { authorId } of await posts(session))
        await drizzleOf(session).select().from(users).where(eq(users.id, authorId))
    })
    expect(drizzle).toMatchObject([{ ...certain, target: 'SELECT users' }])
    const undeclared = await findingsOf(async (session) => {
      await session.execute(sql`create table extras (post_id int)`)
      for (const { id } of await posts(session))
        await session.execute(sql`select from extras where post_id = ${id}`)
    })
    const fix = expect.stringContaining('= any($1)')
    expect(undeclared).toMatchObject([{ ...certain, target: 'SELECT extras', fix }])
  })

  it('P28 raw SQL with inlined literals', async () => {
    const findings = await findingsOf(async (session) => {
      for (const { id } of await posts(session))
        await session.connection.query(
          `select body from comments where post_id=${id} and body <> ''`,
        )
    })
    expect(findings).toMatchObject([
      {
        ...certain,
        target: 'SELECT comments',
        sql: 'select body from comments where post_id=? and body <> ?',
        fix: 'find(Post).options(selectinload(Post.comments))',
      },
    ])
    const texts = await findingsOf(async ({ connection }) => {
      for (const name of ["o'hara", 'delete', 'x -- y'])
        await connection.query(`select 1 from users where name = '${name.replaceAll("'", "''")}'`)
    })
    expect(texts).toMatchObject([{ target: 'SELECT users', count: 3, confidence: 'likely' }])
  })

  it('P29 different queries interleaved in one loop', async () => {
    const findings = await findingsOf(async (session) => {
      for (const { id, authorId } of await posts(session)) {
        await session.get(User, authorId)
        await session.find(Comment).filter({ postId: id }).toList()
        await session.execute(sql`select from notes where id = ${id}`)
      }
    })
    expect(findings.map(({ kind, target, count }) => [kind, target, count])).toEqual([
      ['n1.get', 'User', 6],
      ['n1.query', 'SELECT comments', 6],
      ['n1.query', 'SELECT notes', 6],
    ])
  })

  it('counts the statements, and not only the different values', async () => {
    const findings = await findingsOf(async (session) => {
      for (const id of [1, 2, 3, 1, 2, 3])
        await session.execute(sql`select from users where id = ${id}`)
    })
    expect(findings).toMatchObject([{ kind: 'n1.query', count: 6 }])
  })
})
