import type { FastifyInstance } from 'fastify'
import { beforeEach } from 'vitest'
import type { Database, Session } from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase, type TestDatabase } from '../../support/database.ts'
import { blog } from '../../support/entities.ts'
import { serve, type Served, watchForLeaks } from '../serve.ts'

declare module 'fastify' {
  interface DataBridgeSessions {
    readonly main: Session
    readonly reports: Session
  }
}

interface NamedOptions {
  readonly database: Database
  readonly name: string
}

interface TwoDatabases {
  readonly main: TestDatabase
  readonly reports: TestDatabase
  readonly mainOptions: NamedOptions
  readonly reportsOptions: NamedOptions
  /** Both with a name. */
  serveBoth(routes: (app: FastifyInstance) => void): Promise<Served>
}

export async function twoDatabases(): Promise<TwoDatabases> {
  const main = await testDatabase(blog)
  const reports = await testDatabase(blog)
  watchForLeaks(main)
  watchForLeaks(reports)
  beforeEach(async () => {
    await main.truncate()
    await reports.truncate()
  })
  const mainOptions = { database: main.database, name: 'main' }
  const reportsOptions = { database: reports.database, name: 'reports' }
  return {
    main,
    reports,
    mainOptions,
    reportsOptions,
    serveBoth: (routes) =>
      serve(mainOptions, (app) => {
        app.register(dataBridge, reportsOptions)
        routes(app)
      }),
  }
}
