import { beforeEach, describe, expect, it } from 'vitest'
import { type Query, type Session, sql } from '../../../orm/index.ts'
import type { StatementPlan } from '../../../plugin/testing/contract/contract.ts'
import { databaseContract } from '../../../plugin/testing/index.ts'
import { testDatabase } from '../../support/database.ts'
import { appOn, Article, Author, blog } from './blog.ts'

const server = await testDatabase(blog)
const { database, query } = server

beforeEach(async () => {
  await query(
    'drop index if exists articles_title_idx, articles_likes_idx, articles_author_id_likes_idx',
  )
  await query('create index if not exists articles_author_id_idx on articles (author_id)')
})

/** The plan of what a route sends, which has to be the same for tables that are empty, filled and analysed. */
async function planOf(read: (session: Session) => Promise<unknown>): Promise<StatementPlan> {
  const app = await appOn(database, (routes) => {
    routes.get('/', async (request) => ({ done: await read(request.session) }))
  })
  const options = { requests: [{ url: '/' }] }
  const plans: (StatementPlan | undefined)[] = []
  const measure = async (): Promise<void> => {
    const { routes } = await databaseContract(app, options)
    plans.push(routes['GET /']?.statements[0]?.plan)
  }
  await query('delete from articles')
  await query('delete from authors')
  await measure()
  await query(`insert into authors select n, 'Name ' || n from generate_series(1, 200) n`)
  await query(
    `insert into articles select n, 'T ' || n % 7, n, n % 200 + 1 from generate_series(1, 2000) n`,
  )
  await measure()
  await query('analyze articles, authors')
  await measure()
  await query('vacuum articles, authors')
  await measure()
  const [plan] = plans
  expect(plans).toEqual(plans.map(() => plan))
  return plan ?? {}
}

const articles = (session: Session): Query<typeof Article> => session.find(Article)

describe('lookups', () => {
  it('are served by an index, or not', async () => {
    const byTitle = (session: Session) => articles(session).filter({ title: 'a' }).toList()
    expect(await planOf(byTitle)).toEqual({
      lookups: [{ table: 'articles', columns: 'title', index: null }],
    })
    await query('create index articles_title_idx on articles (title)')
    expect(await planOf(byTitle)).toEqual({
      lookups: [{ table: 'articles', columns: 'title', index: 'articles_title_idx' }],
    })
  })

  it('are not served by the index that gives the order', async () => {
    const page = (session: Session) =>
      articles(session)
        .filter({ authorId: 3 })
        .orderBy((article) => article.id.asc())
        .limit(2)
        .toList()
    const orders = [{ by: 'articles.id', index: 'articles_pkey' }]
    expect(await planOf(page)).toEqual({
      lookups: [{ table: 'articles', columns: 'author_id', index: 'articles_author_id_idx' }],
      orders,
    })
    await query('drop index articles_author_id_idx')
    expect(await planOf(page)).toEqual({
      lookups: [{ table: 'articles', columns: 'author_id', index: null }],
      orders,
    })
  })

  it('name the columns that an index serves', async () => {
    await query('drop index articles_author_id_idx')
    await query('create index articles_author_id_likes_idx on articles (author_id, likes)')
    const plan = await planOf((session) =>
      articles(session)
        .filter({ authorId: 3, title: 'a' }, (article) => article.likes.gt(4))
        .toList(),
    )
    expect(plan).toEqual({
      lookups: [
        { table: 'articles', columns: 'author_id, likes', index: 'articles_author_id_likes_idx' },
      ],
    })
  })

  it('are those of joins', async () => {
    const ofAuthor = (session: Session) =>
      session.execute(
        sql`select from ${Author} a join ${Article} b on b.author_id = a.id where a.id = ${3}`,
      )
    expect((await planOf(ofAuthor)).lookups).toContainEqual({
      table: 'articles',
      columns: 'author_id',
      index: 'articles_author_id_idx',
    })
    await query('drop index articles_author_id_idx')
    expect((await planOf(ofAuthor)).lookups).toContainEqual({
      table: 'articles',
      columns: 'author_id',
      index: null,
    })
  })

  it('are those of conditions of joins that PostgreSQL checks for each pair', async () => {
    const plan = await planOf((session) =>
      session.execute(
        sql`select from ${Author} a left join ${Article} b on b.title = a.name where a.id = ${3}`,
      ),
    )
    expect(plan.lookups).toEqual([
      { table: 'authors', columns: 'id', index: 'authors_pkey' },
      { table: 'articles', columns: 'title', index: null },
    ])
  })

  it('are those of both sides of OR', async () => {
    const plan = await planOf((session) =>
      session.execute(sql`select from ${Article} where id = ${1} or author_id = ${2}`),
    )
    expect(plan.lookups).toEqual([
      { table: 'articles', columns: 'id', index: 'articles_pkey' },
      { table: 'articles', columns: 'author_id', index: 'articles_author_id_idx' },
    ])
  })

  it('are those by which PostgreSQL finds what refers to a deleted row', async () => {
    const remove = (session: Session) => session.find(Author).filter({ id: 0 }).delete()
    const author = { table: 'authors', columns: 'id', index: 'authors_pkey' }
    const key = { table: 'articles', columns: 'author_id' }
    expect(await planOf(remove)).toEqual({
      lookups: [author, { ...key, index: 'articles_author_id_idx' }],
    })
    await query('drop index articles_author_id_idx')
    expect(await planOf(remove)).toEqual({ lookups: [author, { ...key, index: null }] })
  })

  it('are none where all rows are wanted', async () => {
    expect(await planOf((session) => articles(session).toList())).toEqual({})
    expect(await planOf((session) => articles(session).count())).toEqual({})
  })

  it('are those of a whole table, whatever partitions it has', async () => {
    await query(`create table visits (id int, day date, place text, primary key (id, day)) partition by range (day);
      create table visits_1 partition of visits for values from ('2026-01-01') to ('2026-02-01');
      create table visits_2 partition of visits for values from ('2026-02-01') to ('2026-03-01');
      create index visits_place on visits (place)`)
    const plan = await planOf((session) =>
      session.execute(sql`select from visits where place = ${'here'} order by place, id`),
    )
    expect(plan).toEqual({
      lookups: [{ table: 'visits', columns: 'place', index: 'visits_place' }],
      orders: [{ by: 'visits.id', index: null }],
    })
  })
})

describe('orders', () => {
  it('are served by an index, or not', async () => {
    const best = (session: Session) =>
      articles(session)
        .orderBy((article) => article.likes.desc())
        .limit(3)
        .toList()
    expect(await planOf(best)).toEqual({ orders: [{ by: 'articles.likes DESC', index: null }] })
    await query('create index articles_likes_idx on articles (likes)')
    expect(await planOf(best)).toEqual({
      orders: [{ by: 'articles.likes DESC', index: 'articles_likes_idx' }],
    })
  })

  it('are those of groups', async () => {
    const plan = await planOf((session) =>
      session.execute(sql`select title, count(*) from ${Article} group by title`),
    )
    expect(plan).toEqual({ orders: [{ by: 'articles.title', index: null }] })
  })

  it('are none of computed values and of rows of one value', async () => {
    const computed = await planOf((session) =>
      session.execute(sql`select likes + 1 from ${Article} order by 1`),
    )
    expect(computed).toEqual({})
    const plan = await planOf((session) =>
      articles(session)
        .filter({ authorId: 3 })
        .orderBy((article) => article.authorId.asc())
        .toList(),
    )
    expect(plan.orders).toBe(undefined)
  })
})
