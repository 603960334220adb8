import pg from 'pg'
import { beforeAll, expect, it } from 'vitest'
import {
  countload,
  Database,
  type DatabaseOptions,
  joinedload,
  selectinload,
  type Session,
  sql,
} from '../../../orm/index.ts'
import { watchClients } from '../../support/client-messages.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'
import { Author, Book, fillLibrary, Genre, library } from './library.ts'

const created = await testDatabase(library)
const { database, query, url } = created
const application_name = 'siblings'

beforeAll(() => fillLibrary(created))

const books = selectinload(Author.books).options(
  selectinload(Book.reviews),
  selectinload(Book.genres).options(selectinload(Genre.books).limit(1)),
)
const students = selectinload(Author.students).options(joinedload(Author.profile))

/** Authors with loaders at three depths: four at the first, two at the second, one at the third. */
async function readAll(session: Session): Promise<unknown> {
  const authors = await session
    .find(Author)
    .orderBy((author) => author.id.asc())
    .options(books, students, selectinload(Author.profile), countload(Author.books))
    .toList()
  const [ann] = authors
  expect(ann?.books.value[3]?.genres.value[0]?.books.value.map(({ title }) => title)).toEqual([
    'b1',
  ])
  return JSON.parse(JSON.stringify(authors))
}

async function sent(options: DatabaseOptions, transaction: boolean) {
  using clients = watchClients(application_name)
  const own = options.pool === undefined && { application_name, max: 1, connectionString: url }
  const other = new Database({ ...own, ...options })
  const results: unknown[] = []
  for (let time = 0; time < 3; time += 1) {
    clients.take()
    results.push(await other.run(readAll, { transaction }))
  }
  const { exchanges, writes, texts } = clients.take()
  await other.close()
  return { exchanges, writes, statements: texts.length, results }
}

it('loaders of one depth are sent together: a round trip for the query and one for each depth', async () => {
  const plain = await sent({}, false)
  expect(plain).toMatchObject({ exchanges: 4, writes: 4, statements: 8 })
  expect(await sent({}, true)).toEqual({ ...plain, exchanges: 5, writes: 5, statements: 10 })
  expect(await sent({ prepare: false }, false)).toEqual(plain)
  expect(await sent({ timeouts: { statement: 30_000, transaction: 60_000 } }, false)).toEqual(plain)
  const pool = new pg.Pool({ connectionString: url, max: 1, application_name })
  expect(await sent({ pool }, false)).toEqual(plain)
  await pool.end()
})

it('each loader is an operation of its own, with its own statement and rows', async () => {
  await using recorder = recordSession(url)
  const { operations, statements, session } = recorder
  await session.find(Author).options(books, students, countload(Author.books)).toList()
  const seen = operations.flatMap(({ operation, outcome }) => {
    if (operation.kind !== 'relationship' || operation.strategy === 'joinedload') return []
    const [statement, ...others] = statements.filter((each) => each.operation === operation)
    expect(others).toEqual([])
    return [`${operation.relation.name} ${outcome?.rows} ${statement?.rows}`]
  })
  expect(seen).toEqual([
    'books 6 6',
    'students 2 2',
    'books 2 2',
    'reviews 15 15',
    'genres 7 7',
    'books 2 2',
  ])
})

it('an error of one is that of all, and ends no session outside a transaction', async () => {
  await using recorder = recordSession(url)
  const { session, operations } = recorder
  const bad = selectinload(Author.books).filter((book) => sql`1 / (${book.id} - ${book.id}) = 1`)
  const authors = session
    .find(Author)
    .options(selectinload(Author.students), bad, selectinload(Author.profile))
  await expect(authors.toList()).rejects.toThrow('PostgreSQL cannot take a value')
  const failed = operations.filter(({ operation }) => operation.kind === 'relationship')
  expect(failed.map(({ outcome }) => String(outcome?.error))).toEqual(
    Array.from(
      { length: 3 },
      () => expect.stringContaining('PostgreSQL cannot take a value') as string,
    ),
  )
  const [ann] = await session.find(Author).filter({ name: 'ann' }).toList()
  expect([ann?.students.isLoaded, ann?.profile.isLoaded]).toEqual([false, false])
  expect(await session.find(Author).options(students).toList()).toHaveLength(3)
  await expect(
    database.transaction(async (inner) => {
      await inner
        .find(Author)
        .options(selectinload(Author.profile), bad)
        .toList()
        .catch(() => {})
      await inner.find(Author).toList()
    }),
  ).rejects.toThrow(coded('DATA_BRIDGE_ERR_TRANSACTION'))
})

it('count as statements of the session, each of them', async () => {
  await using session = database.session()
  await readAll(session)
  expect(session.stats.queryCount).toBe(8)
})

it('are repeated together where a prepared statement is outdated', async () => {
  await using other = new Database({ connectionString: url, max: 1 })
  const read = () => other.run(readAll)
  const before = [await read(), await read(), await read()]
  await query('alter table profiles alter column bio type varchar(99)')
  expect([await read(), before[1], before[2]]).toEqual(before)
})

it('one that takes too long is cancelled at its own limit', async () => {
  await using other = new Database({ connectionString: url, max: 1, timeouts: { statement: 300 } })
  await using session = other.session()
  const slow = selectinload(Author.books).filter(() => sql`pg_sleep(30) is not null`)
  const authors = session
    .find(Author)
    .options(selectinload(Author.students), slow, selectinload(Author.profile))
  await expect(authors.toList()).rejects.toThrow(coded('DATA_BRIDGE_ERR_STATEMENT_TIMEOUT'))
  expect(await session.find(Author).count()).toBe(3)
})
