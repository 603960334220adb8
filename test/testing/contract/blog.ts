import Fastify, { type FastifyInstance } from 'fastify'
import { onTestFinished } from 'vitest'
import { belongsTo, type Database, hasMany, integer, table, text } from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import type { TestDatabase } from '../../support/database.ts'

export class Author extends table('authors', {
  id: integer().primaryKey(),
  name: text(),
  articles: () => hasMany(Article, 'authorId'),
}) {}

export class Article extends table('articles', {
  id: integer().primaryKey(),
  title: text(),
  likes: integer().default(0),
  authorId: integer().references(() => Author),
  author: () => belongsTo(Author, 'authorId'),
}) {}

export const blog = [Author, Article] as const

/** An application whose routes a test adds. It is closed when the test ends. */
export async function appOn(
  database: Database,
  addRoutes: (app: FastifyInstance) => void,
): Promise<FastifyInstance> {
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(dataBridge, { database })
  addRoutes(app)
  return app
}

/** Makes so many authors, with one article each. */
export function populating({ query }: TestDatabase): (rows: number) => Promise<void> {
  return async (rows) => {
    await query('delete from articles')
    await query('delete from authors')
    await query(`insert into authors select n, 'Name ' || n from generate_series(1, ${rows}) n`)
    await query(
      `insert into articles select n, 'Title ' || n, n, n from generate_series(1, ${rows}) n`,
    )
  }
}
