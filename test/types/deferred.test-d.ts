/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  array,
  belongsTo,
  hasMany,
  integer,
  jsonb,
  type NewRow,
  type Query,
  type Row,
  selectinload,
  type Session,
  table,
  text,
  timestamptz,
  undefer,
} from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import { Post, User } from './entities.ts'

class Author extends table('authors', {
  id: integer().primaryKey().generated(),
  name: text(),
  bio: text().nullable().deferred(),
  articles: () => hasMany(Article, 'authorId'),
}) {}

class Article extends table('articles', {
  id: integer().primaryKey().generated(),
  title: text(),
  body: text().deferred(),
  notes: jsonb<{ lines: string[] }>().deferred().default({ lines: [] }).unique(),
  anything: jsonb().nullable().deferred(),
  checkedAt: timestamptz().deferred().defaultNow().hidden(),
  authorId: integer().references(() => Author),
  author: () => belongsTo(Author, 'authorId'),
}) {
  get words() {
    return this.body?.split(' ').length
  }
}

const session = {} as Session
const articles = {} as Query<typeof Article>

describe('a deferred column', () => {
  it('is perhaps undefined in an entity', () => {
    const article = {} as Article
    expectTypeOf(article.title).toEqualTypeOf<string>()
    expectTypeOf(article.body).toEqualTypeOf<string | undefined>()
    expectTypeOf(article.notes).toEqualTypeOf<{ lines: string[] } | undefined>()
    expectTypeOf(article.checkedAt).toEqualTypeOf<Date | undefined>()
    expectTypeOf(article.words).toEqualTypeOf<number | undefined>()
    expectTypeOf<Author['bio']>().toEqualTypeOf<string | null | undefined>()
    expectTypeOf<Row<typeof Article>['body']>().toEqualTypeOf<string | undefined>()
    article.body = 'new'
    // @ts-expect-error not null
    article.body = null
    // @ts-expect-error no text without a check
    expectTypeOf(article.body.length).toEqualTypeOf<number>()
  })

  it('is required by new like any other', () => {
    new Article({ title: 'a', body: 'b', authorId: 1 })
    new Article({ title: 'a', body: 'b', author: {} as Author, notes: { lines: ['c'] } })
    // @ts-expect-error body is missing
    new Article({ title: 'a', authorId: 1 })
    // @ts-expect-error body may not be undefined
    new Article({ title: 'a', body: undefined, authorId: 1 })
    expectTypeOf<NewRow<typeof Author>>().toEqualTypeOf<{
      name: string
      id?: number | undefined
      bio?: string | null | undefined
    }>()
  })

  it('is never undefined in conditions and plain rows', async () => {
    articles.filter({ body: 'a' }, (article) => article.body.like('a%'))
    articles.filter({ body: ['a', 'b'] }).orderBy((article) => article.body.desc())
    // @ts-expect-error no number
    articles.filter((article) => article.body.eq(1))
    // @ts-expect-error no undefined
    articles.filter((article) => article.body.eq(undefined))
    const rows = await articles
      .select((article) => ({ body: article.body, bio: article.author.bio }))
      .toList()
    expectTypeOf(rows).toEqualTypeOf<{ body: string; bio: string | null }[]>()
  })

  it('is no type of items', () => {
    // @ts-expect-error say deferred() of the array
    array(text().deferred())
    expectTypeOf(array(text()).deferred().spec.deferred).toEqualTypeOf<boolean>()
  })
})

describe('undefer', () => {
  it('takes the names of deferred columns', () => {
    articles.options(undefer(Article, 'body'), undefer(Article, 'notes', 'anything', 'checkedAt'))
    session.find(Author).options(selectinload(Author.articles).options(undefer(Article, 'body')))
    // @ts-expect-error is not deferred
    undefer(Article, 'title')
    // @ts-expect-error is a relation
    undefer(Article, 'author')
    // @ts-expect-error has no such column
    undefer(Article, 'text')
    // @ts-expect-error no column of this table is deferred
    undefer(User, 'name')
    // @ts-expect-error is no entity
    undefer({}, 'body')
  })

  it('belongs to its entity', () => {
    // @ts-expect-error of another entity
    articles.options(undefer(Author, 'bio'))
    // @ts-expect-error of another entity
    session.find(Author).options(selectinload(Author.articles).options(undefer(Author, 'bio')))
    // @ts-expect-error of another entity
    session.find(Post).options(undefer(Article, 'body'))
  })
})
