import {
  belongsTo,
  hasMany,
  integer,
  jsonb,
  manyToMany,
  type Session,
  table,
  text,
  timestamptz,
} from '../../orm/index.ts'

export class Author extends table('authors', {
  id: integer().primaryKey().generated(),
  name: text(),
  bio: text().nullable().deferred(),
  articles: () => hasMany(Article, 'authorId'),
}) {}

/** A deferred column between others, and one of each kind of value. */
export class Article extends table('articles', {
  id: integer().primaryKey().generated(),
  body: text().deferred(),
  title: text(),
  notes: jsonb<{ readonly lines: readonly string[] }>().nullable().deferred(),
  checkedAt: timestamptz().defaultNow().deferred(),
  authorId: integer().references(() => Author),
  author: () => belongsTo(Author, 'authorId'),
  labels: () => manyToMany(Label, { through: ArticleLabel }),
}) {}

export class Label extends table('labels', {
  id: integer().primaryKey().generated(),
  name: text(),
  text: text().default('').deferred(),
}) {}

class ArticleLabel extends table('article_labels', {
  articleId: integer()
    .primaryKey()
    .references(() => Article, { onDelete: 'cascade' }),
  labelId: integer()
    .primaryKey()
    .references(() => Label),
}) {}

export const press = [Author, Article, Label, ArticleLabel] as const

/** The names of the deferred columns in a statement. */
export function deferredIn(text: string): string[] {
  return ['"body"', '"notes"', '"checked_at"', '"bio"', '"text"'].filter((name) =>
    text.includes(name),
  )
}

/** Two authors with two articles each, of which the first has a label. */
export const pressRows = `
  insert into authors (name, bio) values ('Ann', 'bio of Ann'), ('Bob', null);
  insert into articles (title, body, notes, author_id)
    select 'title ' || n, 'body ' || n, '{"lines": ["one"]}', 1 + (n - 1) / 2 from generate_series(1, 4) n;
  insert into labels (name, text) values ('new', 'text of new');
  insert into article_labels values (1, 1)`

/** All articles, without their deferred columns. */
export function articlesIn(session: Session): Promise<Article[]> {
  return session
    .find(Article)
    .orderBy((article) => article.id.asc())
    .toList()
}
