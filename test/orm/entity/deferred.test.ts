import { inspect } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import { bigint, count, integer, table, text, undefer } from '../../../orm/index.ts'
import {
  Article,
  articlesIn,
  Author,
  deferredIn,
  press,
  pressRows,
} from '../../support/articles.ts'
import { testDatabase } from '../../support/database.ts'
import { coded, failure } from '../../support/failure.ts'
import { recordSession, recordWire } from '../../support/recorder.ts'

const id = integer().primaryKey().generated()

/** Reads what it is given, and keeps something to itself. */
class Reader extends table('readers', { id, secret: text().deferred(), name: text() }) {
  readonly #given: unknown

  constructor(values: ConstructorParameters<typeof Reader.base>[0]) {
    super(values)
    this.#given = values
  }

  static readonly base = table('other_readers', { id, secret: text().deferred(), name: text() })

  get given(): unknown {
    return this.#given
  }
}

class Shadowing extends table('shadowing', { id, body: text().deferred() }) {
  override body: string | undefined = 'mine'
}

class Counted extends table('counted', {
  id,
  note: text().nullable().deferred(),
  total: bigint({ mode: 'number' }),
}) {}

const { database, query, truncate, url } = await testDatabase([
  Counted,
  ...press,
  Reader,
  Shadowing,
])

beforeEach(async () => {
  await truncate()
  await query(pressRows)
})

describe('a query of entities', () => {
  it('leaves deferred columns out', async () => {
    await using recorder = recordWire(url)
    await using session = recorder.database.session()
    const articles = await articlesIn(session)
    const one = await session.find(Article).filter({ id: 1 }).one()
    expect(articles).toHaveLength(4)
    expect(one).toMatchObject({ id: 1, title: 'title 1', authorId: 1 })
    expect([one.body, one.notes, one.checkedAt]).toEqual([undefined, undefined, undefined])
    expect(recorder.texts.flatMap(deferredIn)).toEqual([])
  })

  it('leaves them out of JSON, of the console and of copies', async () => {
    await using session = database.session()
    const [article] = await articlesIn(session)
    expect(Object.keys(article!.toJSON())).toEqual(['id', 'title', 'authorId'])
    expect(JSON.stringify(article)).toBe('{"id":1,"title":"title 1","authorId":1}')
    expect(inspect(article)).toBe(`Article { id: 1, title: 'title 1', authorId: 1 }`)
    // oxlint-disable-next-line typescript/no-misused-spread -- what a program may do
    expect(structuredClone({ ...article })).toEqual({ id: 1, title: 'title 1', authorId: 1 })
  })

  it('leaves them out by key, too', async () => {
    await using recorder = recordWire(url)
    await using session = recorder.database.session()
    const one = await session.get(Article, 1)
    const more = await session.getMany(Article, [1, 2, 3])
    expect([one?.body, ...more.map(({ body }) => body)]).toEqual(Array(4).fill(undefined))
    expect(more.map(({ title }) => title)).toEqual(['title 1', 'title 2', 'title 3'])
    expect(recorder.texts.flatMap(deferredIn)).toEqual([])
  })

  it('reads those that undefer() names, in the order of the declaration', async () => {
    await using session = database.session()
    const article = await session
      .find(Article)
      .options(undefer(Article, 'notes', 'body'))
      .filter({ id: 2 })
      .one()
    expect(article.body).toBe('body 2')
    expect(article.notes).toEqual({ lines: ['one'] })
    expect(article.checkedAt).toBeUndefined()
    expect(Object.keys(article.toJSON())).toEqual(['id', 'body', 'title', 'notes', 'authorId'])
    expect(session.hasUnsaved).toBe(false)
  })

  it('reads all that several calls of options() name', async () => {
    await using session = database.session()
    const article = await session
      .find(Article)
      .options(undefer(Article, 'body'), undefer(Article, 'body', 'notes'))
      .options(undefer(Article, 'checkedAt'))
      .first()
    expect(article?.body).toBe('body 1')
    expect(article?.notes).toEqual({ lines: ['one'] })
    expect(article?.checkedAt).toBeInstanceOf(Date)
  })

  it('reads null as null', async () => {
    await using session = database.session()
    const authors = await session.find(Author).options(undefer(Author, 'bio')).toList()
    expect(authors.map(({ bio }) => bio)).toEqual(['bio of Ann', null])
    expect(authors[1]?.toJSON()).toEqual({ id: 2, name: 'Bob', bio: null })
    expect(session.hasUnsaved).toBe(false)
  })

  it('names them in conditions, orders, values and groups as any other column', async () => {
    await using session = database.session()
    const found = await session
      .find(Article)
      .filter({ body: ['body 1', 'body 3'] }, (article) => article.body.like('body%'))
      .orderBy((article) => article.body.desc())
      .toList()
    expect(found.map((article) => [article.id, article.body])).toEqual([
      [3, undefined],
      [1, undefined],
    ])
    const rows = await session
      .find(Article)
      .orderBy((article) => article.id.asc())
      .select((article) => ({ body: article.body, bio: article.author.bio }))
      .limit(1)
      .toList()
    expect(rows).toEqual([{ body: 'body 1', bio: 'bio of Ann' }])
    const groups = await session
      .find(Article)
      .groupBy((article) => article.notes)
      .aggregate((article) => ({ notes: article.notes, articles: count() }))
    expect(groups).toEqual([{ notes: { lines: ['one'] }, articles: 4 }])
  })

  it('works in a read-only session, and on a pool of the application', async () => {
    await using recorder = recordWire(url)
    for (const one of [database, recorder.database]) {
      await using session = one.session({ readOnly: true })
      const [lazy] = await articlesIn(session)
      const [article] = await session.find(Article).options(undefer(Article, 'body')).toList()
      expect(article).toBe(lazy)
      expect(article?.body).toBe('body 1')
    }
  })
})

describe('an entity that the session holds', () => {
  it('gets what a query reads, and keeps its other values', async () => {
    await using session = database.session()
    const [first, second] = await session.find(Article).options(undefer(Article, 'body')).toList()
    await query(`update articles set title = 'other', body = 'other', notes = '{"lines": []}'`)
    await session
      .find(Article)
      .options(undefer(Article, 'notes', 'body'))
      .toList()
    expect(first).toMatchObject({ title: 'title 1', body: 'body 1', notes: { lines: [] } })
    expect(second).toMatchObject({ title: 'title 2', body: 'body 2', notes: { lines: [] } })
    second!.notes = { lines: [] }
    expect(session.stats.queryCount).toBe(2)
    expect(session.hasUnsaved).toBe(false)
  })

  it('keeps a change that is made while the value is on its way', async () => {
    await using session = database.session()
    const [first, second] = await articlesIn(session)
    const reading = session.find(Article).options(undefer(Article, 'body')).toList()
    first!.body = 'set'
    second!.body = 'body 2'
    await reading
    expect([first!.body, second!.body]).toEqual(['set', 'body 2'])
    second!.body = 'other'
    second!.body = 'body 2'
    expect(session.hasUnsaved).toBe(true)
    await session.commit()
    expect(await query('select id, body from articles where id < 3 order by id')).toEqual([
      { id: 1, body: 'set' },
      { id: 2, body: 'body 2' },
    ])
  })

  it('has the values of the query that came first, where two ran at once', async () => {
    await using session = database.session()
    const [plain, loaded] = await Promise.all([
      session.find(Article).filter({ id: 1 }).one(),
      session.find(Article).filter({ id: 1 }).options(undefer(Article, 'body')).one(),
    ])
    expect(loaded).toBe(plain)
    expect(plain.body).toBe('body 1')
    expect(session.hasUnsaved).toBe(false)
  })

  it('is refused if it is frozen, and reads nothing otherwise', async () => {
    await using session = database.session()
    const article = Object.freeze(await session.get(Article, 1))
    expect(await session.find(Article).filter({ id: 1 }).one()).toBe(article)
    await expect(
      session.find(Article).filter({ id: 1 }).options(undefer(Article, 'body')).one(),
    ).rejects.toThrow(coded('DATA_BRIDGE_ERR_ENTITY', 'got a frozen Article'))
    const loaded = await session
      .find(Article)
      .filter({ id: 2 })
      .options(undefer(Article, 'body'))
      .one()
    Object.freeze(loaded)
    expect(
      await session.find(Article).options(undefer(Article, 'body')).filter({ id: 2 }).one(),
    ).toBe(loaded)
  })
})

describe('a lock', () => {
  it('leaves a deferred column as it is, unless it reads it', async () => {
    await using session = database.session()
    const [first, second, third] = await articlesIn(session)
    await session.find(Article).filter({ id: 2 }).options(undefer(Article, 'body')).one()
    third!.body = 'set'
    await query(`update articles set title = 'other', body = 'other'`)
    const locking = session
      .find(Article)
      .filter({ id: [1, 2, 3] })
      .forUpdate()
    await locking.toList()
    expect([first!.title, second!.title]).toEqual(['other', 'other'])
    expect([first!.body, second!.body, third!.body]).toEqual([undefined, 'body 2', 'set'])
    await locking.options(undefer(Article, 'body')).toList()
    expect([first!.body, second!.body, third!.body]).toEqual(['other', 'other', 'set'])
    await session.commit()
    expect(await query('select body from articles order by id')).toEqual(
      ['other', 'other', 'set', 'other'].map((body) => ({ body })),
    )
  })
})

describe('refresh()', () => {
  it('reads the columns that are loaded, and no others', async () => {
    await using recorder = recordWire(url)
    await using session = recorder.database.session()
    const [first, second] = await articlesIn(session)
    await session.find(Article).filter({ id: 2 }).options(undefer(Article, 'body')).one()
    await query(`update articles set title = 'other', body = 'other'`)
    recorder.clear()
    await session.refresh(first!)
    await session.refresh(second!)
    expect(recorder.texts.map(deferredIn)).toEqual([[], ['"body"']])
    expect([first, second]).toMatchObject([{ title: 'other' }, { title: 'other', body: 'other' }])
    expect(first!.body).toBeUndefined()
    expect(session.hasUnsaved).toBe(false)
  })

  it('loses what the program has set', async () => {
    await using session = database.session()
    const article = (await session.get(Article, 1))!
    article.body = 'set'
    await session.refresh(article)
    expect(article.body).toBe('body 1')
    expect(session.hasUnsaved).toBe(false)
  })
})

describe('a class', () => {
  it('gets only what was read in its constructor', async () => {
    await query(`insert into readers (name, secret) values ('a', 'x'), ('b', 'y')`)
    await using session = database.session()
    const [first] = await session.find(Reader).limit(1).toList()
    expect(first?.given).toEqual({ id: 1, name: 'a' })
    const [, second] = await session
      .find(Reader)
      .options(undefer(Reader, 'secret'))
      .orderBy((row) => row.id.asc())
      .toList()
    expect(first?.secret).toBe('x')
    expect(second?.given).toEqual({ id: 2, name: 'b', secret: 'y' })
  })

  it('is refused if it hides a deferred column', async () => {
    await query(`insert into shadowing (body) values ('x')`)
    await using session = database.session()
    await expect(session.find(Shadowing).toList()).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_SCHEMA', 'class Shadowing sets body by an initialiser'),
    )
  })
})

it('a value that cannot be read is told with its column and row', async () => {
  await query(`insert into counted (total) values (9007199254740993)`)
  await using recorder = recordWire(url)
  for (const one of [database, recorder.database]) {
    await using session = one.session()
    for (const rows of [
      session.find(Counted),
      session.find(Counted).options(undefer(Counted, 'note')),
    ])
      await expect(rows.toList()).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_STATEMENT', 'the column total'),
      )
    const error = await failure('DATA_BRIDGE_ERR_STATEMENT', session.find(Counted).toList())
    expect(error.details).toContain('in the row of Counted with id the string "1"')
  }
})

it('statements of one shape with different columns are different statements', async () => {
  await using recorder = recordSession(url)
  const { session, statements } = recorder
  const all = session.find(Article).filter({ id: 1 })
  for (const names of [['body'], ['notes'], ['body', 'notes'], []] as const)
    await (names.length === 0 ? all : all.options(undefer(Article, ...names))).toList()
  expect(statements.map((one) => deferredIn(one.text))).toEqual([
    ['"body"'],
    ['"notes"'],
    ['"body"', '"notes"'],
    [],
  ])
})
