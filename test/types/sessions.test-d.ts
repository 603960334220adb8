/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  type AdvisoryKey,
  type AnyEntityClass,
  Database,
  DataBridgeError,
  type DatabaseOptions,
  type EntityOf,
  type ErrorCode,
  type ExecutedRows,
  type Key,
  type Query,
  Session,
  type Sql,
  sql,
} from 'fastify-data-bridge/orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { Kysely, PostgresDialect } from 'kysely'
import type { Pool } from 'pg'
import { describe, expectTypeOf, it } from 'vitest'
import { Follow, Line, Post, Profile, User } from './entities.ts'

const session = {} as Session
const database = {} as Database

describe('session.connection', () => {
  it('is a pool for other query builders, whose rows keep their types', async () => {
    expectTypeOf(session.connection).toEqualTypeOf<Pool>()
    const users = pgTable('users', { id: integer().notNull(), name: text() })
    const rows = drizzle(session.connection).select().from(users)
    expectTypeOf(await rows).toEqualTypeOf<{ id: number; name: string | null }[]>()
    const dialect = new PostgresDialect({ pool: session.connection })
    const db = new Kysely<{ users: { id: number } }>({ dialect })
    expectTypeOf(await db.selectFrom('users').selectAll().execute()).toEqualTypeOf<
      { id: number }[]
    >()
    // @ts-expect-error the session has one
    session.connection = {} as Pool
  })
})

describe('session', () => {
  it('gives entities by key', () => {
    expectTypeOf(session.get(User, 1)).toEqualTypeOf<Promise<User | null>>()
    expectTypeOf(session.get(Profile, 'x')).toEqualTypeOf<Promise<Profile | null>>()
    expectTypeOf(session.getOrThrow(User, 1)).toEqualTypeOf<Promise<User>>()
    expectTypeOf(session.getMany(User, [1, 2])).toEqualTypeOf<Promise<User[]>>()
    // @ts-expect-error a string among integer keys
    void session.getMany(User, [1, '2'])
    // @ts-expect-error a string for an integer key
    void session.get(User, '1')
    // @ts-expect-error a bigint for an integer key
    void session.get(User, 1n)
    // @ts-expect-error a number for a UUID
    void session.get(Profile, 1)
    // @ts-expect-error no key
    void session.get(User, null)
    // @ts-expect-error no key
    void session.get(User, undefined)
    // @ts-expect-error no key
    void session.get(User, { id: 1 })
    // @ts-expect-error an entity, not its class
    void session.get({} as User, 1)
  })

  it('takes advisory locks by texts, whole numbers and pairs', () => {
    expectTypeOf(session.advisoryLock('invoice:1')).toEqualTypeOf<Promise<void>>()
    expectTypeOf(session.tryAdvisoryLock(1n, { shared: true })).toEqualTypeOf<Promise<boolean>>()
    const pair: AdvisoryKey = [1, 2]
    void session.advisoryLock(pair, { noWait: true })
    // @ts-expect-error a key of three
    void session.advisoryLock([1, 2, 3])
    // @ts-expect-error an object
    void session.advisoryLock({ id: 1 })
    // @ts-expect-error it never waits
    void session.tryAdvisoryLock(1, { noWait: true })
  })

  it('begins transactions with known modes', () => {
    const mode = { isolation: 'serializable', readOnly: true, deferrable: true } as const
    expectTypeOf(session.transaction(() => 1, mode)).toEqualTypeOf<Promise<number>>()
    void database.transaction(() => 1, { ...mode, retries: 3 })
    void database.session(mode)
    // @ts-expect-error no such level
    void session.transaction(() => 1, { isolation: 'snapshot' })
    // @ts-expect-error not a boolean
    void session.transaction(() => 1, { deferrable: 'yes' })
  })

  it('takes every function that needs no argument for after the commit', () => {
    expectTypeOf(session.afterCommit(() => undefined)).toEqualTypeOf<void>()
    session.afterCommit(async () => 1)
    session.afterCommit((first = 1, ...rest: number[]) => [first, ...rest])
    // @ts-expect-error a function that needs an argument
    session.afterCommit((name: string) => name)
    // @ts-expect-error no function
    session.afterCommit(Promise.resolve())
  })

  it('gives entities by composite key', () => {
    const key = { followerId: 1, followeeId: 2 }
    expectTypeOf(session.get(Follow, key)).toEqualTypeOf<Promise<Follow | null>>()
    expectTypeOf(session.get(Line, { orderId: 1, no: 2 })).toEqualTypeOf<Promise<Line | null>>()
    // @ts-expect-error a part of the key
    void session.get(Follow, { followerId: 1 })
    // @ts-expect-error one value for several columns
    void session.get(Follow, 1)
    // @ts-expect-error a column that is no part of the key
    void session.get(Line, { orderId: 1, no: 2, lastId: 3 })
    // @ts-expect-error a string for a part of the key
    void session.get(Follow, { followerId: 1, followeeId: '2' })
  })

  it('can be given by a function for every entity, whose key is of the entity', () => {
    function byKey<C extends AnyEntityClass>(
      entity: C,
      key: Key<EntityOf<C>>,
    ): Promise<EntityOf<C> | null> {
      return session.get(entity, key)
    }
    expectTypeOf(byKey(Line, { orderId: 1, no: 2 })).toEqualTypeOf<Promise<Line | null>>()
    expectTypeOf(byKey(User, 1)).toEqualTypeOf<Promise<User | null>>()
    // @ts-expect-error a string for an integer key
    void byKey(User, '1')
    function literal<C extends typeof User | typeof Post>(entity: C): void {
      // @ts-expect-error the key of an entity that is not known
      void session.get(entity, 1)
    }
    literal(User)
    const either = {} as typeof User | typeof Post
    expectTypeOf(session.get(either, 1)).toEqualTypeOf<Promise<User | Post | null>>()
  })

  it('gives queries', () => {
    expectTypeOf(session.find(User)).toEqualTypeOf<Query<typeof User>>()
    // @ts-expect-error an entity, not its class
    void session.find({} as User)
  })

  it('takes entities, alone and in lists', () => {
    const [user, post] = [{} as User, {} as Post]
    session.add(user, [post], [user, post])
    session.delete(user)
    // @ts-expect-error a key
    session.delete(1)
    // @ts-expect-error the class of entities
    session.add(User)
    // @ts-expect-error no entity
    session.add({ id: 1, name: 'ann' })
    // @ts-expect-error not awaited
    session.delete(session.get(User, 1))
    expectTypeOf(session.refresh(user)).toEqualTypeOf<Promise<void>>()
    expectTypeOf(session.flush()).toEqualTypeOf<Promise<void>>()
    expectTypeOf(session.commit()).toEqualTypeOf<Promise<void>>()
    expectTypeOf(session.rollback()).toEqualTypeOf<Promise<void>>()
    expectTypeOf(session.close()).toEqualTypeOf<Promise<void>>()
    expectTypeOf(session.stats.queryCount).toEqualTypeOf<number>()
    expectTypeOf(session.stats.savedQueries).toEqualTypeOf<number>()
  })

  it('gives the rows of SQL as they are named', async () => {
    const rows = await session.execute(sql`select 1`)
    expectTypeOf(rows).toEqualTypeOf<ExecutedRows<Record<string, unknown>>>()
    expectTypeOf(rows.rowCount).toEqualTypeOf<number>()
    const [row] = await session.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
    expectTypeOf(row).toEqualTypeOf<{ pid: number } | undefined>()
    expectTypeOf(sql`select ${1}`).toEqualTypeOf<Sql>()
    // @ts-expect-error a text, whose values could not be told from SQL
    void session.execute('select 1')
    // @ts-expect-error a row is an object
    void session.execute<number>(sql`select 1`)
  })

  it('gives what its transaction gives', () => {
    expectTypeOf(session.transaction(() => 1)).toEqualTypeOf<Promise<number>>()
    expectTypeOf(session.transaction((inner) => inner.get(User, 1))).toEqualTypeOf<
      Promise<User | null>
    >()
    void session.transaction(() => {}, { isolation: 'serializable', readOnly: true })
    // @ts-expect-error no such isolation
    void session.transaction(() => {}, { isolation: 'chaos' })
  })

  it('is made of a URL, a pool or a database', () => {
    void new Session('postgresql://localhost/x', { isolation: 'repeatable read', readOnly: true })
    void new Session(database)
    // @ts-expect-error no source
    void new Session()
    // @ts-expect-error a number
    void new Session(5432)
  })
})

describe('database', () => {
  it('gives what its job gives', () => {
    expectTypeOf(database.run(() => 'x')).toEqualTypeOf<Promise<string>>()
    expectTypeOf(database.run((own) => own.find(User).toList())).toEqualTypeOf<Promise<User[]>>()
    expectTypeOf(database.run(async () => {})).toEqualTypeOf<Promise<void>>()
    expectTypeOf(database.run).parameter(0).parameter(0).toEqualTypeOf<Session>()
    expectTypeOf(database.transaction((own) => own.find(Post).count())).toEqualTypeOf<
      Promise<number>
    >()
    expectTypeOf(database.transaction).parameter(0).parameter(0).toEqualTypeOf<Session>()
    expectTypeOf(database.session()).toEqualTypeOf<Session>()
  })

  it('takes the options of a pool beside its own', () => {
    expectTypeOf({
      connectionString: 'postgresql://localhost/x',
      max: 5,
      tables: [User, Post],
    }).toExtend<DatabaseOptions>()
    // @ts-expect-error no such option
    void new Database({ connectionString: 'postgresql://localhost/x', maximum: 5 })
    // @ts-expect-error an entity, not its class
    void new Database({ connectionString: 'postgresql://localhost/x', tables: [{} as User] })
  })
})

describe('errors', () => {
  it('is told apart by its code', () => {
    const error: unknown = new DataBridgeError('DATA_BRIDGE_ERR_OPTION', 'x')
    if (error instanceof DataBridgeError) {
      expectTypeOf(error.code).toEqualTypeOf<ErrorCode>()
      expectTypeOf(error.statusCode).toEqualTypeOf<number>()
      expectTypeOf(error.clientMessage).toEqualTypeOf<string>()
      expectTypeOf(error.retryable).toEqualTypeOf<true | undefined>()
      // @ts-expect-error no such code
      void (error.code === 'DATA_BRIDGE_ERR_NOPE')
    }
    // @ts-expect-error no such code
    void new DataBridgeError('DATA_BRIDGE_ERR_NOPE', 'x')
  })

  // A code that is added breaks such a switch in applications too: it belongs into the changelog.
  it('can be switched over to the last code', () => {
    function isOfTheProgram(code: ErrorCode): boolean {
      switch (code) {
        case 'DATA_BRIDGE_ERR_OPTION':
        case 'DATA_BRIDGE_ERR_SCHEMA':
        case 'DATA_BRIDGE_ERR_ENTITY':
        case 'DATA_BRIDGE_ERR_TYPE':
        case 'DATA_BRIDGE_ERR_QUERY':
        case 'DATA_BRIDGE_ERR_FILTER':
        case 'DATA_BRIDGE_ERR_RELATION_NOT_LOADED':
        case 'DATA_BRIDGE_ERR_DETACHED':
        case 'DATA_BRIDGE_ERR_NO_AMBIENT_SESSION':
        case 'DATA_BRIDGE_ERR_SESSION_CLOSED':
        case 'DATA_BRIDGE_ERR_TRANSACTION':
        case 'DATA_BRIDGE_ERR_FLUSH':
        case 'DATA_BRIDGE_ERR_N_PLUS_ONE':
        case 'DATA_BRIDGE_ERR_MULTIPLE_ROWS':
          return true
        case 'DATA_BRIDGE_ERR_NOT_FOUND':
        case 'DATA_BRIDGE_ERR_UNIQUE':
        case 'DATA_BRIDGE_ERR_FOREIGN_KEY':
        case 'DATA_BRIDGE_ERR_EXCLUSION':
        case 'DATA_BRIDGE_ERR_STALE':
        case 'DATA_BRIDGE_ERR_NOT_NULL':
        case 'DATA_BRIDGE_ERR_PRECONDITION':
        case 'DATA_BRIDGE_ERR_CHECK':
        case 'DATA_BRIDGE_ERR_INVALID_VALUE':
        case 'DATA_BRIDGE_ERR_UNREACHABLE':
        case 'DATA_BRIDGE_ERR_AUTHENTICATION':
        case 'DATA_BRIDGE_ERR_CONNECTION_LOST':
        case 'DATA_BRIDGE_ERR_POOL_EXHAUSTED':
        case 'DATA_BRIDGE_ERR_UNAVAILABLE':
        case 'DATA_BRIDGE_ERR_SERIALIZATION':
        case 'DATA_BRIDGE_ERR_DEADLOCK':
        case 'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT':
        case 'DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT':
        case 'DATA_BRIDGE_ERR_ABORTED':
        case 'DATA_BRIDGE_ERR_CLIENT_GONE':
        case 'DATA_BRIDGE_ERR_STATEMENT':
        case 'DATA_BRIDGE_ERR_COMMIT_FAILED':
        case 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN':
          return false
        default:
          return code satisfies never
      }
    }
    expectTypeOf(isOfTheProgram).returns.toEqualTypeOf<boolean>()
  })
})
