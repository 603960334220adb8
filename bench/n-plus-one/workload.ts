import { belongsTo, Database, hasMany, integer, table, text } from '../../orm/index.ts'

class Author extends table('bench_authors', {
  id: integer().primaryKey(),
  name: text(),
  books: () => hasMany(Book, 'authorId'),
}) {}

class Book extends table('bench_books', {
  id: integer().primaryKey(),
  title: text(),
  authorId: integer().references(() => Author),
  author: () => belongsTo(Author, 'authorId'),
}) {}

/** What a session does, and how many statements it sends. */
export const works = {
  /** 49 rows by their keys, and a list: what a detector has to look at, and finds to be one pattern at most. */
  request: 50,
  /** A list, and a relation of each of its entities. */
  lazy: 101,
} as const

export type Work = keyof typeof works

export async function createRows(url: string): Promise<void> {
  await using database = new Database({ connectionString: url, tables: [Author, Book] })
  await database.createSchema()
  await database.run(async (session) => {
    const ids = Array.from({ length: 100 }, (_, index) => index + 1)
    await session.insertMany(
      Author,
      ids.map((id) => ({ id, name: `author ${id}` })),
    )
    await session.insertMany(
      Book,
      ids.map((id) => ({ id, title: `book ${id}`, authorId: id })),
    )
  })
}

const run: Readonly<Record<Work, (database: Database) => Promise<number>>> = {
  async request(database) {
    await using session = database.session()
    for (let id = 1; id <= 24; id += 1) await session.get(Author, id)
    for (let id = 1; id <= 25; id += 1) await session.find(Book).filter({ id }).first()
    await session.find(Book).limit(20).toList()
    return session.stats.queryCount
  },
  async lazy(database) {
    await using session = database.session()
    for (const book of await session.find(Book).toList()) await book.author
    return session.stats.queryCount
  },
}

/** Does the work of a session. */
export async function doWork(database: Database, work: Work): Promise<void> {
  const sent = await run[work](database)
  if (sent !== works[work]) throw new Error(`expected ${works[work]} statements, got ${sent}`)
}
