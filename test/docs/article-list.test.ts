import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AnyEntityClass, Session } from '../../orm/index.ts'
import { testDatabase } from '../support/database.ts'
import { recordWire } from '../support/recorder.ts'
import { statementLog } from '../support/statement-log.ts'

interface Wanted {
  readonly tag?: string
  readonly author?: string
  readonly favorited?: string
  readonly limit?: number
  readonly offset?: number
}

interface Articles {
  readonly articles: readonly { readonly slug: string; readonly favorited: boolean }[]
  readonly articlesCount: number
}

interface Recipe extends Record<string, unknown> {
  listArticles(session: Session, me: number, wanted: Wanted): Promise<Articles>
}

// The first example of the document, as it is. Below test/, where the package finds itself by its name.
const folder = mkdtempSync(join(import.meta.dirname, '.articles-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const document = readFileSync(new URL('../../docs/article-list.md', import.meta.url), 'utf8')
const [, code = ''] = /```ts\n(.*?)\n```/s.exec(document) ?? []
const [, shown = ''] = /```sql\n(.*?)\n```/s.exec(document) ?? []
writeFileSync(join(folder, 'articles.ts'), code)
const recipe = (await import(join(folder, 'articles.ts'))) as Recipe
const tables = ['User', 'Follow', 'Tag', 'ArticleTag', 'Favorite', 'Article'].map(
  (name) => recipe[name] as AnyEntityClass,
)
const { database, query, url } = await testDatabase(tables)

beforeAll(async () => {
  await query(
    `insert into users (username, bio) values ('ann', 'writes'), ('bob', null), ('cid', null)`,
  )
  await query(`insert into tags (name) values ('sql'), ('go')`)
  await query(`insert into articles (slug, title, description, body, created_at, author_id)
    select 'a-' || n, 'Title ' || n, 'about ' || n, repeat('long ', 1000), timestamptz '2024-02-29 12:00Z' + n * interval '1 minute', 1 + n % 2
    from generate_series(1, 40) n`)
  await query(`insert into article_tags select n, 1 + n % 2 from generate_series(1, 40) n`)
  await query(
    `insert into article_tags select n, 1 from generate_series(1, 40, 2) n on conflict do nothing`,
  )
  await query(`insert into favorites select n, 1 + n % 3 from generate_series(1, 40) n`)
  await query(
    `insert into favorites select n, 1 from generate_series(1, 40, 4) n on conflict do nothing`,
  )
  await query(`insert into follows values (1, 2), (3, 2)`)
})

describe('the list of articles', () => {
  it('shows all that it promises', async () => {
    await using session = database.session()
    const { articles, articlesCount } = await recipe.listArticles(session, 1, { limit: 2 })
    expect(articlesCount).toBe(40)
    expect(articles).toEqual([
      {
        slug: 'a-40',
        title: 'Title 40',
        description: 'about 40',
        createdAt: new Date('2024-02-29T12:40:00Z'),
        tagList: ['sql'],
        favoritesCount: 1,
        favorited: false,
        author: { username: 'ann', bio: 'writes', image: null, following: false },
      },
      {
        slug: 'a-39',
        title: 'Title 39',
        description: 'about 39',
        createdAt: new Date('2024-02-29T12:39:00Z'),
        tagList: ['go', 'sql'],
        favoritesCount: 1,
        favorited: true,
        author: { username: 'bob', bio: null, image: null, following: true },
      },
    ])
  })

  it('filters by tag, author and who likes them', async () => {
    await using session = database.session()
    const list = (wanted: Wanted) => recipe.listArticles(session, 0, { limit: 100, ...wanted })
    const tagged = await list({ tag: 'go' })
    expect(tagged.articlesCount).toBe(20)
    expect(tagged.articles).toHaveLength(20)
    expect((await list({ author: 'bob' })).articlesCount).toBe(20)
    expect((await list({ favorited: 'cid' })).articlesCount).toBe(13)
    const both = await list({ author: 'bob', favorited: 'cid', tag: 'go', offset: 1 })
    expect(both.articles).toHaveLength(both.articlesCount - 1)
    expect(both.articles.some(({ favorited }) => favorited)).toBe(false)
  })

  it('is two statements, however many rows, as the document shows them', async () => {
    await using recorder = recordWire(url)
    await using session = new Session(recorder.database)
    await recipe.listArticles(session, 1, { tag: 'go' })
    expect(session.stats.queryCount).toBe(2)
    expect(recorder.texts.map(plain)).toEqual(shown.split(';').map(plain).filter(Boolean))
    await using log = await statementLog(url)
    await using other = log.database.session()
    const sent = await log.statementsOf(() => recipe.listArticles(other, 1, { limit: 40 }))
    expect(sent).toHaveLength(2)
  })
})

function plain(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
