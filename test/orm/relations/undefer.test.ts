import { beforeEach, describe, expect, it } from 'vitest'
import {
  integer,
  joinedload,
  selectinload,
  table,
  text,
  timestamptz,
  undefer,
} from '../../../orm/index.ts'
import {
  Article,
  articlesIn,
  Author,
  deferredIn,
  Label,
  press,
  pressRows,
} from '../../support/articles.ts'
import { testDatabase } from '../../support/database.ts'
import { coded, failure } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'

class Page extends table('pages', {
  book: integer().primaryKey(),
  no: integer().primaryKey(),
  words: text().deferred(),
}) {}

class Event extends table('events', {
  at: timestamptz({ precision: 6 }).primaryKey(),
  name: text(),
  details: text().nullable().deferred(),
}) {}

const { query, truncate, url } = await testDatabase([...press, Page, Event])

beforeEach(async () => {
  await truncate()
  await query(pressRows)
})

describe('a loader', () => {
  it('reads the deferred columns of to-many relations', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const authors = await session
      .find(Author)
      .options(selectinload(Author.articles).options(undefer(Article, 'body')))
      .orderBy((author) => author.id.asc())
      .toList()
    expect(authors.flatMap(({ articles }) => articles.value.map(({ body }) => body))).toEqual([
      'body 1',
      'body 2',
      'body 3',
      'body 4',
    ])
    expect(statements.map((one) => deferredIn(one.text))).toEqual([[], ['"body"']])
    expect(session.hasUnsaved).toBe(false)
  })

  it('leaves them out otherwise, with and without a limit, and behind a link table', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const [author] = await session
      .find(Author)
      .options(
        selectinload(Author.articles)
          .orderBy((article) => article.id.asc())
          .limit(1)
          .options(selectinload(Article.labels), selectinload(Article.author)),
      )
      .orderBy((row) => row.id.asc())
      .toList()
    const [article] = author!.articles.value
    const [label] = article!.labels.value
    expect([author?.bio, article?.body, label?.text]).toEqual([undefined, undefined, undefined])
    expect(JSON.parse(JSON.stringify(author))).toMatchObject({
      id: 1,
      articles: [{ id: 1, title: 'title 1', labels: [{ id: 1, name: 'new' }] }],
    })
    await (
      await session.find(Article).filter({ id: 2 }).one()
    ).labels
    expect(statements).toHaveLength(5)
    expect(statements.flatMap((one) => deferredIn(one.text))).toEqual([])
  })

  it('reads them with a limit for each owner, and orders by them', async () => {
    await using recorder = recordSession(url)
    const authors = await recorder.session
      .find(Author)
      .orderBy((author) => author.id.asc())
      .options(
        selectinload(Author.articles)
          .orderBy((article) => article.body.desc())
          .limit(1)
          .options(undefer(Article, 'body', 'notes')),
      )
      .toList()
    expect(authors.map(({ articles }) => articles.value.map(({ body }) => body))).toEqual([
      ['body 2'],
      ['body 4'],
    ])
    expect(authors[1]?.articles.value[0]?.notes).toEqual({ lines: ['one'] })
    expect(recorder.statements).toHaveLength(2)
  })

  it('reads them behind a link table', async () => {
    await using recorder = recordSession(url)
    const article = await recorder.session
      .find(Article)
      .filter({ id: 1 })
      .options(selectinload(Article.labels).options(undefer(Label, 'text')))
      .one()
    expect(article.labels.value.map((label) => label.text)).toEqual(['text of new'])
  })

  it('reads them of targets that the session holds already, with one statement', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const ann = (await session.get(Author, 1))!
    await query(`update authors set name = 'other'`)
    const articles = await session
      .find(Article)
      .options(selectinload(Article.author).options(undefer(Author, 'bio')))
      .orderBy((article) => article.id.asc())
      .toList()
    expect(articles[0]?.author.value).toBe(ann)
    expect(ann).toMatchObject({ name: 'Ann', bio: 'bio of Ann' })
    expect(articles[3]?.author.value).toMatchObject({ name: 'other', bio: null })
    expect(statements).toHaveLength(3)
    await session
      .find(Article)
      .options(selectinload(Article.author).options(undefer(Author, 'bio')))
      .toList()
    expect(statements).toHaveLength(4)
  })

  it('that is given twice reads what both name', async () => {
    await using recorder = recordSession(url)
    const authors = await recorder.session
      .find(Author)
      .options(
        selectinload(Author.articles).options(undefer(Article, 'body')),
        selectinload(Author.articles).options(undefer(Article, 'notes')),
      )
      .toList()
    const [article] = authors[0]!.articles.value
    expect(article?.body).toMatch(/^body/)
    expect(article?.notes).toEqual({ lines: ['one'] })
    expect(recorder.statements).toHaveLength(2)
  })

  it('refuses the columns of another entity', () => {
    expect(() => selectinload(Author.articles).options(undefer(Author, 'bio') as never)).toThrow(
      coded(
        'DATA_BRIDGE_ERR_QUERY',
        'selectinload(Author.articles).options() expected columns of Article, got Author.bio',
      ),
    )
  })
})

describe('load()', () => {
  it('reads the columns of entities in hand, with one statement for those that lack some', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const articles = await articlesIn(session)
    await query(`update articles set title = 'other', notes = null where id = 2`)
    articles[2]!.body = 'set'
    const body = undefer(Article, 'body', 'notes')
    await session.load([...articles, ...articles], body)
    expect(articles.map((article) => [article.title, article.body, article.notes])).toEqual([
      ['title 1', 'body 1', { lines: ['one'] }],
      ['title 2', 'body 2', null],
      ['title 3', 'set', { lines: ['one'] }],
      ['title 4', 'body 4', { lines: ['one'] }],
    ])
    expect(statements).toHaveLength(2)
    expect(statements[1]?.text).toMatch(/^select t0\."body", t0\."notes", given\."#" from unnest/)
    expect(session.hasUnsaved).toBe(true)
    await session.load(articles, body)
    await session.load([], body)
    expect(statements).toHaveLength(2)
    await session.commit()
    expect(await query('select body from articles where id = 3')).toEqual([{ body: 'set' }])
  })

  it('passes over entities whose row is gone', async () => {
    await using recorder = recordSession(url)
    const articles = await articlesIn(recorder.session)
    await query('delete from articles where id = 3')
    await recorder.session.load(articles, undefer(Article, 'body'))
    expect(articles.map(({ body }) => body)).toEqual(['body 1', 'body 2', undefined, 'body 4'])
  })

  it('finds rows by composite keys, and by keys that are more exact than their values', async () => {
    await query(`
      insert into pages values (1, 1, 'one'), (1, 2, 'two'), (2, 1, 'three');
      insert into events values ('2024-01-01 00:00:00.000001Z', 'a', 'x'), ('2024-01-01 00:00:00.000002Z', 'b', null)`)
    await using recorder = recordSession(url)
    const { session } = recorder
    const pages = await session.find(Page).toList()
    await session.load(pages, undefer(Page, 'words'))
    expect(pages.map(({ book, no, words }) => `${book}.${no} ${words}`).toSorted()).toEqual([
      '1.1 one',
      '1.2 two',
      '2.1 three',
    ])
    const events = await session.find(Event).toList()
    await session.load(events, undefer(Event, 'details'))
    expect(Object.fromEntries(events.map(({ name, details }) => [name, details]))).toEqual({
      a: 'x',
      b: null,
    })
    expect(session.hasUnsaved).toBe(false)
  })

  it('fills each entity once where two run at once', async () => {
    await using recorder = recordSession(url)
    const { session } = recorder
    const articles = await articlesIn(session)
    const body = undefer(Article, 'body')
    await Promise.all([session.load(articles, body), session.load(articles, body)])
    expect(articles.every((article) => article.body === `body ${article.id}`)).toBe(true)
    expect(session.hasUnsaved).toBe(false)
  })

  it('reads them with relations, and of relations that are loaded already', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const articles = await articlesIn(session)
    await session.load(articles, undefer(Article, 'body'), selectinload(Article.author))
    expect(articles[0]).toMatchObject({ body: 'body 1' })
    const ann = articles[0]!.author.value
    expect(ann.bio).toBeUndefined()
    expect(statements).toHaveLength(3)
    const withBio = selectinload(Article.author).options(undefer(Author, 'bio'))
    await session.load(articles, withBio)
    expect(articles[1]!.author.value).toBe(ann)
    expect(ann.bio).toBe('bio of Ann')
    expect(statements).toHaveLength(4)
    await session.load(articles, withBio)
    expect(statements).toHaveLength(4)
  })

  it('refuses the columns of another entity', async () => {
    await using recorder = recordSession(url)
    const articles = await articlesIn(recorder.session)
    await expect(recorder.session.load(articles, undefer(Author, 'bio') as never)).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'load() expected columns of Article, got Author.bio'),
    )
  })
})

describe('joinedload()', () => {
  it('leaves the deferred columns of both sides out', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const articles = await session
      .find(Article)
      .options(joinedload(Article.author), joinedload(Article.labels))
      .orderBy((article) => article.id.asc())
      .toList()
    expect(articles.map(({ title, author }) => [title, author.value.name])).toEqual([
      ['title 1', 'Ann'],
      ['title 2', 'Ann'],
      ['title 3', 'Bob'],
      ['title 4', 'Bob'],
    ])
    const [first] = articles
    const [label] = first!.labels.value
    expect(label).toMatchObject({ id: 1, name: 'new' })
    expect([first?.body, first?.author.value.bio, label?.text]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(statements.map(({ text: sent }) => deferredIn(sent))).toEqual([[]])
    expect(session.hasUnsaved).toBe(false)
  })

  it('reads those that the query and the loaders name', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const authors = await session
      .find(Author)
      .options(
        undefer(Author, 'bio'),
        joinedload(Author.articles)
          .orderBy((article) => article.body.desc())
          .options(
            undefer(Article, 'notes'),
            joinedload(Article.labels).options(undefer(Label, 'text')),
          ),
      )
      .orderBy((author) => author.id.asc())
      .toList()
    expect(authors.map(({ bio }) => bio)).toEqual(['bio of Ann', null])
    const lists = authors.map(({ articles }) => articles.value)
    expect(lists.map((list) => list.map(({ id }) => id))).toEqual([
      [2, 1],
      [4, 3],
    ])
    const first = lists[0]![1]!
    expect(first).toMatchObject({ title: 'title 1', notes: { lines: ['one'] } })
    expect([first.body, first.checkedAt]).toEqual([undefined, undefined])
    expect(first.labels.value.map((label) => label.text)).toEqual(['text of new'])
    expect(statements).toHaveLength(1)
    expect(session.hasUnsaved).toBe(false)
  })

  it('reads them with a limit for each owner, and below statements of their own', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const authors = await session
      .find(Author)
      .options(
        selectinload(Author.articles).options(
          undefer(Article, 'body'),
          joinedload(Article.labels).limit(1).options(undefer(Label, 'text')),
        ),
      )
      .orderBy((author) => author.id.asc())
      .toList()
    const articles = authors.flatMap((author) => author.articles.value)
    expect(articles.map(({ body }) => body)).toEqual(['body 1', 'body 2', 'body 3', 'body 4'])
    expect(articles.flatMap(({ labels }) => labels.value.map((label) => label.text))).toEqual([
      'text of new',
    ])
    expect(statements).toHaveLength(2)
  })

  it('fills in what entities of the session lack', async () => {
    await using recorder = recordSession(url)
    const { session } = recorder
    const ann = (await session.get(Author, 1))!
    const join = joinedload(Article.author).options(undefer(Author, 'bio'))
    await session.find(Article).filter({ id: 1 }).options(join).one()
    expect(ann.bio).toBe('bio of Ann')
    expect(session.hasUnsaved).toBe(false)
  })

  it('names the column and the row of a value that cannot be read, behind columns that are left out', async () => {
    await query(`update articles set checked_at = 'infinity' where id = 2`)
    await using recorder = recordSession(url)
    const read = recorder.session
      .find(Author)
      .options(joinedload(Author.articles).options(undefer(Article, 'checkedAt')))
      .toList()
    const { details } = await failure('DATA_BRIDGE_ERR_STATEMENT', read)
    expect(details).toMatch(
      /^the column checked_at .* \(in the row of Article with id the string "2"\)$/,
    )
  })
})
