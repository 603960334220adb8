import {
  connectionSettingNames,
  Database,
  type DatabaseOptions,
  describe,
  environmentHint,
  isInEnvironment,
  listed,
  optionError,
} from '../orm/index.ts'

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
  if (database instanceof Database) return givenSource(database, rest)
  if (typeof rest.pool === 'string')
    throw optionError(`pool expected a pg.Pool, got ${withoutText(rest.pool)}`)
  const isUrlOrPool = rest.connectionString !== undefined || rest.pool !== undefined
  const hasSettings = connectionSettingNames.some((setting) => rest[setting] !== undefined)
  if (database !== undefined) {
    // Without anything beside it, it is meant to be the source.
    const isName = typeof database === 'string' && !database.includes('://')
    if (!isName || (!hasSettings && !isUrlOrPool && !isInEnvironment(environment)))
      throw optionError(
        `database expected a Database, got ${withoutText(database)}; beside host and its like, it may be the name of a database`,
      )
    return { database: new Database({ ...rest, database }), isOwn: true }
  }
  const source = isUrlOrPool || hasSettings ? rest : { ...rest, ...usualSource(name, environment) }
  return { database: new Database(source), isOwn: true }
}

function givenSource(database: Database, rest: DatabaseOptions): ConnectionSource {
  const others = Object.keys(rest)
  if (others.length > 0) {
    throw optionError(
      `expected one source of connections, got database and ${listed(others)}: options of connections belong to new Database(…)`,
    )
  }
  return { database, isOwn: false }
}

/** Where connections come from by default. */
function usualSource(
  name: string | undefined,
  environment: NodeJS.ProcessEnv,
): { readonly connectionString?: string } {
  const { DATABASE_URL } = environment
  if (name !== undefined) {
    throw optionError(
      `expected connectionString, pool or database for ${name}, or host and its like (DATABASE_URL is for the database without a name), got none`,
    )
  }
  if (DATABASE_URL !== undefined && DATABASE_URL !== '') return { connectionString: DATABASE_URL }
  if (isInEnvironment(environment)) return {}
  throw optionError(
    `expected connectionString, pool, database, host and its like, ${environmentHint}, or the environment variable DATABASE_URL, got none`,
  )
}

function withoutText(value: unknown): string {
  return typeof value === 'string'
    ? 'a string (not shown, since it may hold a password)'
    : describe(value)
}
