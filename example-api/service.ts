import { buildApp, type AppOptions } from './app.ts'
import { type DatabaseSettings, openDatabase } from './database.ts'
import { Problem } from './problem.ts'

export interface ServiceSettings extends DatabaseSettings, Pick<AppOptions, 'logger' | 'headers'> {
  /** 0: a free one. */
  readonly port: number
  /** Where it listens: this machine only, unless said. */
  readonly host?: string
}

export interface Service extends AsyncDisposable {
  readonly url: string
}

/**
 * Starts everything: database, application, server. At the end it is taken down the other way round,
 * so that requests in flight are answered before their database goes.
 */
export async function startService(settings: ServiceSettings): Promise<Service> {
  const {
    port,
    host = 'localhost',
    logger = false,
    headers = 'dev',
    ...databaseSettings
  } = settings
  await using stack = new AsyncDisposableStack()
  const { database } = stack.use(await openDatabase(databaseSettings))
  const app = stack.adopt(await buildApp({ database, logger, headers }), (app) => app.close())
  const url = await app.listen({ port, host }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error
    throw new Problem(`The port ${port} is in use: set PORT to another one.`, { cause: error })
  })
  const kept = stack.move()
  return { url, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
