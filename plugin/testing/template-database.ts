import { randomBytes } from 'node:crypto'
import { Database, quote, runAlone } from '../../orm/index.ts'

/** Where a template is: plain data, which can be given to other processes. */
export interface TemplateSource {
  /** Of the server, on which databases are made. */
  readonly url: string
  /** The name of the template. */
  readonly name: string
}

/** A database that others are copied from, see {@link templateDatabase}. */
export interface TemplateDatabase extends AsyncDisposable {
  readonly source: TemplateSource
  /** Drops it. The copies stay. */
  readonly drop: () => Promise<void>
}

/** A database of a test, see {@link testDatabase}. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  /** Drops it, and ends the connections that are still open. */
  readonly drop: () => Promise<void>
}

/**
 * Makes a database from which tests copy theirs: tables and rows are made once, however many tests there are. Call it
 * where a test run begins, and `drop()` where it ends.
 *
 * Rejects if the role may not create databases, and if `prepare` fails. Then nothing stays on the server.
 *
 * @param url of a server, such as that of `startPostgres()`
 * @param prepare makes tables and rows
 *
 * @example
 * ```ts
 * import { startPostgres, templateDatabase, testDatabase } from 'fastify-data-bridge/testing'
 * import { Post, User } from './entities.ts'
 *
 * await using postgres = await startPostgres()
 * await using template = await templateDatabase(postgres.url, (database) =>
 *   database.createSchema([User, Post]),
 * )
 * await using one = await testDatabase(template.source)
 * await using other = await testDatabase(template.source)
 * console.log(one.url, other.url)
 * ```
 */
export async function templateDatabase(
  url: string,
  prepare: (database: Database) => unknown,
): Promise<TemplateDatabase> {
  const name = newName('template')
  await create(url, name)
  const drop = (): Promise<void> => dropDatabase(url, name)
  try {
    await using database = new Database({ connectionString: urlOf(url, name), nPlusOne: 'off' })
    await prepare(database)
  } catch (error) {
    await drop()
    throw error
  }
  // A connection to it would keep others from copying it.
  await runAlone(url, `alter database ${quote(name)} allow_connections false`)
  return { source: { url, name }, drop, [Symbol.asyncDispose]: drop }
}

/**
 * Copies a template. The copy takes a few hundredths of a second, and several can be made at once.
 *
 * @example
 * ```ts
 * import { Database } from 'fastify-data-bridge/orm'
 * import { type TemplateSource, testDatabase } from 'fastify-data-bridge/testing'
 *
 * export async function withDatabase(
 *   template: TemplateSource,
 *   test: (database: Database) => Promise<void>,
 * ): Promise<void> {
 *   await using copy = await testDatabase(template)
 *   await using database = new Database({ connectionString: copy.url })
 *   await test(database)
 * }
 * ```
 */
export async function testDatabase({ url, name }: TemplateSource): Promise<TestDatabase> {
  const copy = newName('test')
  await create(url, copy, ` template ${quote(name)}`)
  const drop = (): Promise<void> => dropDatabase(url, copy)
  return { url: urlOf(url, copy), drop, [Symbol.asyncDispose]: drop }
}

function newName(kind: string): string {
  return `data_bridge_${kind}_${randomBytes(6).toString('hex')}`
}

function urlOf(url: string, name: string): string {
  const other = new URL(url)
  other.pathname = `/${name}`
  return other.href
}

async function create(url: string, name: string, rest = ''): Promise<void> {
  try {
    await runAlone(url, `create database ${quote(name)}${rest}`)
  } catch (error) {
    throw isRefused(error) ? refusedError(error) : error
  }
}

function dropDatabase(url: string, name: string): Promise<void> {
  return runAlone(url, `drop database if exists ${quote(name)} with (force)`)
}

function isRefused(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === '42501'
}

function refusedError(error: Error): Error {
  return new Error(
    `Expected a role that may create databases, got one that may not (${error.message}). Grant it CREATEDB, or use the URL of startPostgres().`,
    { cause: error },
  )
}
