import { beforeAll, describe, expect, it } from 'vitest'
import {
  Database,
  integer,
  selectinload,
  type Session,
  sql,
  table,
  belongsTo,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, User, user } from '../../support/entities.ts'
import { foundIn, type Work } from './found.ts'

/** Two of its relations lead to one table. */
class Review extends table('reviews', {
  id: integer().primaryKey().generated(),
  authorId: integer().references(() => User),
  editorId: integer().references(() => User),
  author: () => belongsTo(User, 'authorId'),
  editor: () => belongsTo(User, 'editorId'),
}) {}

const { database, url } = await testDatabase([...blog, Review])

beforeAll(async () => {
  await database.run((session) => {
    for (let index = 0; index < 30; index += 1) {
      const author = user(`user${index}`)
      const post = new Post({ title: `post${index}`, author })
      session.add(post, new Comment({ body: 'a', post }))
    }
  })
  await database.run((session) => {
    session.add(new Review({ authorId: 1, editorId: 2 }))
  })
})

const found = foundIn(database)

const findingsOf: typeof found = async (work, options) =>
  (await found(work, options)).filter(({ kind }) => kind !== 'n1.latent')

const ids = Array.from({ length: 12 }, (_, index) => index + 1)

/** A loop, each of whose turns has another number. */
const loop =
  (turn: (session: Session, id: number) => Promise<unknown>): Work =>
  async (session) => {
    for (const id of ids) await turn(session, id)
  }

const silent: Readonly<Record<string, Work>> = {
  'N17 two relations to same target & same SQL': async (session) => {
    for (const review of await session.find(Review).toList()) {
      await review.author
      await review.editor
      await session.find(User).filter({ id: review.authorId }).one()
      await session.find(User).filter({ id: review.editorId }).one()
    }
  },
  'N18 same SQL from two code paths, different meaning': async (session) => {
    const sidebar = await session.find(Post).filter({ authorId: 1 }).toList()
    const list = await session.find(Post).filter({ authorId: 2 }).toList()
    const footer = await session.find(Post).filter({ authorId: 3 }).toList()
    return [sidebar, list, footer]
  },
  'N22 = ANY batches': loop((session, id) =>
    session.execute(sql`select name from users where id = any(${[id, id + 1]}::int[])`),
  ),
  'N22 lists of in()': loop((session, id) =>
    session
      .find(User)
      .filter((row) => row.id.in([id, id + 1]))
      .toList(),
  ),
  'N22 chunked loads': async (session) => {
    const posts = await session.find(Post).toList()
    while (posts.length > 0)
      await session.load(
        posts.splice(0, 10),
        selectinload(Post.author),
        selectinload(Post.comments),
      )
  },
  'N22 chunked getMany()': async (session) => {
    for (const id of [1, 11, 21]) await session.getMany(User, [id, id + 1, id + 2])
  },
  'N22 inlined lists': loop(({ connection }, id) =>
    connection.query(`select name from users where id in (${id}, ${id + 1}, ${id + 2})`),
  ),
  'N22 lists of rows, of JSON, and unnest': loop(async ({ connection }, id) => {
    await connection.query(
      'select name from users join (values ($1::int), ($2::int)) v(id) using (id)',
      [id, id + 1],
    )
    await connection.query('select name from users where (id, age) in ((1, 2), ($1, 3))', [id])
    await connection.query(
      `select name from users join jsonb_to_recordset($1) as v(id int) using (id)`,
      [JSON.stringify([{ id }])],
    )
    await connection.query('select name from users join unnest($1::int[]) v(id) using (id)', [[id]])
  }),
  'N22 arrays of pg': loop(({ connection }, id) =>
    connection.query('select name from users where array[id] <@ $1', [[id, id + 1]]),
  ),
  'N22 pages by offset': async (session) => {
    for (const page of [0, 1, 2, 3])
      await session
        .find(User)
        .orderBy((row) => row.id.asc())
        .limit(10)
        .offset(page * 10)
        .select((row) => ({ name: row.name }))
        .toList()
  },
  'N22 pages by key, of own SQL': async (session) => {
    let last = 0
    for (;;) {
      const rows = await session.execute<{ id: number }>(
        sql`select id from users where id > ${last} order by id limit 7`,
      )
      last = rows.at(-1)?.id ?? 0
      if (rows.length < 7) return
    }
  },
  'N22 pages of page()': async (session) => {
    const query = session
      .find(User)
      .orderBy((row) => row.id.asc())
      .limit(5)
    let page = await query.page()
    while (page.next !== null) page = await query.page({ after: page.next })
  },
  'N24 cursor/stream FETCH': async (session) => {
    let rows = 0
    for await (const row of session.find(User).stream({ batchSize: 3 })) rows += row.id
    await session.execute(sql`declare all_users cursor for select id from users`)
    for (const number of [1, 2, 3, 4])
      await session.connection.query(`fetch ${number} from all_users`)
    return rows
  },
  'N28 SELECT … FOR UPDATE of several rows': loop(async (session, id) => {
    await session.find(User).filter({ id }).forUpdate().one()
    await session.execute(sql`select name from users where id = ${id} for key share`)
  }),
  'N28 advisory locks': loop(async (session, id) => {
    await session.advisoryLock(id)
    await session.execute(sql`select pg_advisory_xact_lock(${id})`)
  }),
  'N36 session internals': loop(async ({ connection }, id) => {
    await connection.query('select 1 from pg_catalog.pg_class where oid = $1', [id])
    await connection.query('select nextval($1)', ['users_id_seq'])
    await connection.query('select set_config($1, $2, true)', ['app.it', String(id)])
    await connection.query(`set local statement_timeout = ${id * 1000}`)
  }),
  'N50 texts that differ in operators, casts and identifiers': async ({ connection }) => {
    for (const [id, selected] of [
      `'{}'::jsonb ? 'a'`,
      `'{}'::jsonb ?| array['a']`,
      `'{}'::jsonb ?& array['a']`,
      `'{}'::json`,
      `id as a1`,
      `id as a2`,
      `id as "3"`,
      `id as "4"`,
    ].entries())
      await connection.query(`select ${selected} from users where id = ${id}`)
  },
  'N51 DataLoader batch fn called in 3 ticks': async (session) => {
    const load = (keys: readonly number[]): Promise<unknown> =>
      session.execute(sql`select name from users where id = any(${keys}::int[])`)
    for (const keys of [[1, 2, 3], [4], [5, 6]]) await load(keys)
  },
  'of three lines that call one helper': async (session) => {
    const find = (id: number): Promise<Comment[]> =>
      session.find(Comment).filter({ postId: id }).toList()
    await find(1)
    await find(2)
    await find(3)
  },
}

describe('no finding', () => {
  it.each(Object.keys(silent))('%s', async (name) => {
    expect(await findingsOf(silent[name] as Work)).toEqual([])
  })

  it('N25 tx retry after 40001', async () => {
    let turns = 0
    const findings = await findingsOf(async (session) => {
      await session.transaction(
        async () => {
          for (const id of [1, 2]) {
            await session.find(User).filter({ id }).one()
            await session.execute(sql`select name from users where id = ${id}`)
          }
          turns += 1
          if (turns < 4) await session.execute(sql`do $$ begin raise sqlstate '40001'; end $$`)
        },
        { retries: 3 },
      )
    })
    expect(turns).toBe(4)
    expect(findings).toEqual([])
  })

  it('N33 tenant per schema/connection', async () => {
    const tenants = ids.map(() => new Database({ connectionString: url, max: 1 }))
    const findings = await database.scope('job:tenants', async (session) => {
      const all = await Promise.all(
        tenants.map((tenant, id) =>
          tenant.run(async (own) => {
            await own.find(User).filter({ id }).toList()
            return own.stats.findings
          }),
        ),
      )
      return [...all.flat(), ...session.stats.findings]
    })
    await Promise.all(tenants.map((tenant) => tenant.close()))
    expect(findings).toEqual([])
  })

  it('N34 two concurrent requests, 1 load each', async () => {
    const requests = ids.map((id) =>
      findingsOf((session) => session.find(User).filter({ id }).toList()),
    )
    expect((await Promise.all(requests)).flat()).toEqual([])
  })

  it('N35 two sequential requests', async () => {
    for (const id of ids) expect(await findingsOf((session) => session.get(User, id))).toEqual([])
  })
})

describe('what looks like it, and is a loop', () => {
  it('N22 a page of a row', async () => {
    const findings = await findingsOf(async (session) => {
      for (const offset of [0, 1, 2, 3])
        await session
          .find(User)
          .limit(1)
          .offset(offset)
          .select((row) => ({ id: row.id }))
          .toList()
    })
    expect(findings).toMatchObject([{ kind: 'n1.query', count: 4 }])
  })

  it('N25 counts the statements of a loop once, whatever was retried', async () => {
    let turns = 0
    const findings = await findingsOf(async (session) => {
      await session.transaction(
        async () => {
          for (const id of [1, 2, 3, 4]) await session.find(User).filter({ id }).count()
          turns += 1
          if (turns < 3) await session.execute(sql`do $$ begin raise sqlstate '40P01'; end $$`)
        },
        { retries: 3 },
      )
    })
    expect(findings).toMatchObject([{ kind: 'n1.query', count: 4 }])
  })

  it('N50 the same operators, casts and quotes with other values', async () => {
    const findings = await findingsOf(async ({ connection }) => {
      for (const key of ['a', '$$', "it''s"])
        await connection.query(
          `select '{"a": 1}'::jsonb ? '${key}', $$ ${key.length} $ $$, "id" from users where id = 1::int`,
        )
    })
    expect(findings).toMatchObject([
      {
        kind: 'n1.query',
        count: 3,
        sql: 'select ?::jsonb ? ?, ?, "id" from users where id = ?::int',
      },
    ])
  })
})
