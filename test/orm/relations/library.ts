import {
  belongsTo,
  hasMany,
  hasOne,
  integer,
  manyToMany,
  table,
  text,
  type Database,
  type Session,
} from '../../../orm/index.ts'
import type { TestDatabase } from '../../support/database.ts'

export class Author extends table('authors', {
  id: integer().primaryKey().generated(),
  name: text(),
  mentorId: integer()
    .nullable()
    .references(() => Author),
  mentor: () => belongsTo(Author, 'mentorId'),
  students: () => hasMany(Author, 'mentorId'),
  books: () => hasMany(Book, 'authorId'),
  profile: () => hasOne(Profile, 'authorId'),
}) {}

class Profile extends table('profiles', {
  id: integer().primaryKey().generated(),
  bio: text(),
  authorId: integer().references(() => Author),
}) {}

export class Book extends table('books', {
  id: integer().primaryKey().generated(),
  title: text(),
  sales: integer().default(0),
  authorId: integer()
    .nullable()
    .references(() => Author),
  author: () => belongsTo(Author, 'authorId'),
  reviews: () => hasMany(Review, 'bookId'),
  genres: () => manyToMany(Genre, { through: BookGenre }),
}) {}

export class Review extends table('reviews', {
  id: integer().primaryKey().generated(),
  stars: integer(),
  bookId: integer().references(() => Book),
  book: () => belongsTo(Book, 'bookId'),
}) {}

export class Genre extends table('genres', {
  id: integer().primaryKey().generated(),
  name: text(),
  books: () => manyToMany(Book, { through: BookGenre }),
}) {}

export class BookGenre extends table('book_genres', {
  bookId: integer()
    .primaryKey()
    .references(() => Book),
  genreId: integer()
    .primaryKey()
    .references(() => Genre),
}) {}

export const library = [Author, Profile, Book, Review, Genre, BookGenre] as const

/**
 * ann wrote b1 to b4 and was taught by bob, bob wrote b5 and b6, cid wrote nothing, b7 has no author.
 * Sales: 10, 40, 30, 20, 50, 60, 70. Book n has n - 1 reviews of 1 to n - 1 stars. Genres: b1 to b4 are
 * crime, b3 to b5 are drama.
 */
export async function fillLibrary({ query }: TestDatabase): Promise<void> {
  await query(`insert into authors (name, mentor_id) values ('ann', 2), ('bob', null), ('cid', 2)`)
  await query(`insert into profiles (bio, author_id) values ('writes', 1)`)
  await query(`insert into books (title, sales, author_id) values ('b1', 10, 1), ('b2', 40, 1),
    ('b3', 30, 1), ('b4', 20, 1), ('b5', 50, 2), ('b6', 60, 2), ('b7', 70, null)`)
  await query(`insert into reviews (stars, book_id)
    select stars, book from generate_series(1, 7) book, generate_series(1, book - 1) stars`)
  await query(`insert into genres (name) values ('crime'), ('drama'), ('empty')`)
  await query(
    `insert into book_genres values (1, 1), (2, 1), (3, 1), (4, 1), (3, 2), (4, 2), (5, 2)`,
  )
}

type Counted = <T>(work: (session: Session) => Promise<T>, from?: Database) => Promise<[T, number]>

/** Gives what some work in a new session gives, with the number of its statements. */
export function countedOn(database: Database): Counted {
  return async (work, from = database) => {
    await using session = from.session()
    const result = await work(session)
    return [result, session.stats.queryCount]
  }
}
