import { Database, type DatabaseOptions, describe, listed, optionError } from '../orm/index.ts'

/** Where the connections of a registration come from. */
export interface ConnectionSource {
  readonly database: Database
  /** Whether the plugin made the database and closes it. */
  readonly isOwn: boolean
}

export function sourceOf(
  database: unknown,
  rest: DatabaseOptions,
  name: string | undefined,
  environment: NodeJS.ProcessEnv,
): ConnectionSource {
  if (database !== undefined) {
    if (!(database instanceof Database))
      throw optionError(`database expected a Database, got ${withoutText(database)}`)
    const others = Object.keys(rest)
    if (others.length > 0) {
      throw optionError(
        `expected one source of connections, got database and ${listed(others)}: options of connections belong to new Database(…)`,
      )
    }
    return { database, isOwn: false }
  }
  if (typeof rest.pool === 'string')
    throw optionError(`pool expected a pg.Pool, got ${withoutText(rest.pool)}`)
  const isGiven = rest.connectionString !== undefined || rest.pool !== undefined
  const source = isGiven ? rest : { ...rest, connectionString: usualSource(name, environment) }
  return { database: new Database(source), isOwn: true }
}

/** Where connections come from by default. */
function usualSource(name: string | undefined, { DATABASE_URL }: NodeJS.ProcessEnv): string {
  if (name !== undefined) {
    throw optionError(
      `expected connectionString, pool or database for ${name} (DATABASE_URL is for the database without a name), got none`,
    )
  }
  if (DATABASE_URL !== undefined && DATABASE_URL !== '') return DATABASE_URL
  throw optionError(
    'expected connectionString, pool, database, or the environment variable DATABASE_URL, got none',
  )
}

function withoutText(value: unknown): string {
  return typeof value === 'string'
    ? 'a string (not shown, since it may hold a password)'
    : describe(value)
}
