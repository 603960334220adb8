import { buildApp, type AppOptions } from './app.ts'
import { type DatabaseSettings, openDatabase } from './database.ts'
import { Problem } from './problem.ts'

export interface ServiceSettings extends DatabaseSettings, Pick<AppOptions, 'logger' | 'headers'> {
  /** 0 selects a free port. */
  readonly port: number
  /** The address to listen on. Default: `localhost`, so only this machine can connect. */
  readonly host?: string
}

export interface Service extends AsyncDisposable {
  readonly url: string
}

/**
 * Starts the database, the application and the server. Disposing stops them in reverse order, so requests
 * in flight are answered before their database closes.
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
    throw new Problem(`The port ${port} is in use. Set PORT to another port.`, { cause: error })
  })
  const kept = stack.move()
  return { url, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
