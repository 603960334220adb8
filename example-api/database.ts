import { Database } from 'fastify-data-bridge/orm'
import { startPostgres } from 'fastify-data-bridge/testing'
import { tables } from './entities.ts'
import { claimSchema, dropSchema, urlWithin } from './own-schema.ts'
import { Problem } from './problem.ts'
import { seed } from './seed.ts'

export interface DatabaseSettings {
  /** The URL of a PostgreSQL. If undefined, the example starts its own and stops it at the end. */
  readonly databaseUrl: string | undefined
  /** The schema of the example. It is created if it does not exist. */
  readonly schema: string
  /** Whether the schema is dropped at the end. */
  readonly isThrowaway?: boolean
  /** Called before each slow step. */
  readonly onProgress?: (step: string) => void
}

export interface ExampleDatabase extends AsyncDisposable {
  readonly database: Database
}

/** Opens the database of the example, with its tables and rows. Dispose it to close it. */
export async function openDatabase(settings: DatabaseSettings): Promise<ExampleDatabase> {
  const { databaseUrl, schema, isThrowaway = false, onProgress = () => {} } = settings
  await using stack = new AsyncDisposableStack() // undoes the earlier steps if a later one fails
  const url = databaseUrl || (await startOwnPostgres(stack, onProgress))
  const database = stack.use(
    new Database({
      connectionString: urlWithin(schema, url),
      application_name: 'fastify-data-bridge-example',
      tables,
    }),
  )
  onProgress(`preparing the schema ${schema}`)
  await claimSchema(database, schema)
  if (isThrowaway) stack.defer(() => dropSchema(database, schema))
  await database.createSchema()
  await seed(database)
  const kept = stack.move()
  return { database, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

async function startOwnPostgres(
  stack: AsyncDisposableStack,
  onProgress: (step: string) => void,
): Promise<string> {
  onProgress('starting a PostgreSQL')
  const postgres = await startPostgres().catch((error: Error) => {
    throw new Problem(error.message, { cause: error })
  })
  stack.use(postgres)
  return postgres.url
}
