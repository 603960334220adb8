/*
 * Compiles small applications against the built package, like its users: without our sources, and with the
 * declarations of libraries checked too. Then it loads the package like a CommonJS service. `npm run
 * package:check` builds first.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
// Inside the repository, so that the package finds its peers.
const folder = mkdtempSync(join(root, '.consumer-'))

const application = `
import Fastify from 'fastify'
import dataBridge, { belongsTo, DataBridgeError, hasMany, integer, selectinload, table, text } from 'fastify-data-bridge'
import { Database, Session } from 'fastify-data-bridge/orm'
import { isTracingEnabled, OTEL_AVAILABLE } from 'fastify-data-bridge/telemetry'
import { startPostgres } from 'fastify-data-bridge/testing'
import 'fastify-data-bridge/register'

export class User extends table('users', {
  id: integer().primaryKey().generated(),
  name: text(),
  posts: () => hasMany(Post, 'authorId'),
}) {}

export class Post extends table('posts', {
  id: integer().primaryKey().generated(),
  authorId: integer().references(() => User),
  author: () => belongsTo(User, 'authorId'),
}) {}

export async function start(): Promise<void> {
  const postgres = await startPostgres()
  const database = new Database({ connectionString: postgres.url, tables: [User, Post] })
  const app = Fastify()
  app.register(dataBridge, { database, decorateAs: 'session' })
  app.get('/', async (request) => {
    const users: User[] = await request.session.find(User).options(selectinload(User.posts)).toList()
    const user: User | null = await User.get(1)
    return { users, name: user?.name, queries: request.session.stats.queryCount }
  })
  const session: Session = app.dataBridge.session()
  session.add(new Post({ author: new User({ name: 'Ann' }) }))
  // @ts-expect-error no such column
  new User({ name: 'Ann', nope: 1 })
  if (OTEL_AVAILABLE && isTracingEnabled()) throw new DataBridgeError('DATA_BRIDGE_ERR_OPTION', 'no')
}
`

const databasesByName = `
import Fastify from 'fastify'
import dataBridge, { type Database, type Session } from 'fastify-data-bridge'

declare module 'fastify' {
  interface DataBridgeSessions {
    readonly reports: Session
  }
}

export async function start(): Promise<Database> {
  const app = Fastify()
  app.register(dataBridge)
  app.register(dataBridge, { name: 'reports', connectionString: process.env.REPORTS_URL })
  app.get('/', async (request) => {
    const own: Session = request.session
    const session: Session = request.sessions.reports
    // @ts-expect-error no name that was declared
    void request.sessions.repots
    return own === session
  })
  // @ts-expect-error no name that was declared
  void app.dataBridges.repots
  return app.dataBridges.reports
}
`

// Here, request.session belongs to another plugin.
const besideWebSessions = `
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import Fastify from 'fastify'
import { Database, integer, type Session as DatabaseSession, table } from 'fastify-data-bridge/orm'
import dataBridge from 'fastify-data-bridge/plugin'

declare module 'fastify' {
  interface FastifyRequest {
    readonly db: DatabaseSession
  }
  interface Session {
    visits?: number
  }
  interface DataBridgeSessions {
    readonly reports: DatabaseSession
  }
}

class User extends table('users', { id: integer().primaryKey() }) {}

export function start(database: Database): void {
  const app = Fastify()
  app.register(fastifyCookie)
  app.register(fastifySession, { secret: 'a secret that has thirty-two characters' })
  app.register(dataBridge, { database, decorateAs: 'db' })
  app.register(dataBridge, { database, name: 'reports' })
  app.get('/', { config: { dataBridge: { readOnly: true } } }, async (request) => {
    const visits: number | undefined = request.session.visits
    const users: number = await request.db.find(User).count()
    const reported: number = await request.sessions.reports.find(User).count()
    // @ts-expect-error it is the session of the web
    request.session.find(User)
    return { visits, users, reported }
  })
}
`

const withTypeProviders = `
import { type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'
import dataBridge, { type Session } from 'fastify-data-bridge'
import { type ZodTypeProvider } from 'fastify-type-provider-zod'
import { Type } from 'typebox'
import { z } from 'zod'

export function start(): void {
  const typebox = Fastify().withTypeProvider<TypeBoxTypeProvider>()
  typebox.register(dataBridge)
  typebox.post('/', { schema: { body: Type.Object({ name: Type.String() }) } }, async (request) => {
    const session: Session = request.session
    return { name: request.body.name, queries: session.stats.queryCount }
  })
  const zod = Fastify().withTypeProvider<ZodTypeProvider>()
  zod.register(dataBridge)
  zod.post('/', { schema: { body: z.object({ name: z.string() }) } }, async (request) => {
    const session: Session = request.session
    return { name: request.body.name, queries: session.stats.queryCount }
  })
}
`

const withVitest = `
import Fastify from 'fastify'
import { injectWithDb, type QueryRecord } from 'fastify-data-bridge/testing'
import { watchTests } from 'fastify-data-bridge/testing/vitest'
import { expect, it } from 'vitest'

watchTests({ baseline: '.data-bridge-n1.json' })

it('reads posts', async () => {
  const { response, db } = await injectWithDb(Fastify(), '/posts')
  const record: QueryRecord = db
  expect(response.statusCode).toBe(200)
  expect(record).toHaveNoNPlusOne()
  expect(db).toHaveQueryCount({ total: 2, write: 0 })
  expect(db).toHaveNoImplicitLoads({ except: ['User.avatar'] })
  expect(db).toMatchQuerySnapshot()
  // @ts-expect-error no such kind
  expect(db).toHaveQueryCount({ selects: 2 })
})
`

const applications = {
  'application.ts': application,
  'databases-by-name.ts': databasesByName,
  'beside-web-sessions.ts': besideWebSessions,
  'with-type-providers.ts': withTypeProviders,
  'with-vitest.ts': withVitest,
}

/**
 * The files that are compiled together. The declarations of @fastify/session must not reach the other files.
 * The declarations of libraries are checked too, including ours. Exceptions: those of the type providers, since
 * that takes minutes, and those of vitest, which has errors of its own.
 */
const programs = [
  { files: ['application.ts', 'databases-by-name.ts'], skipLibCheck: false },
  { files: ['beside-web-sessions.ts'], skipLibCheck: false },
  { files: ['with-type-providers.ts'], skipLibCheck: true },
  { files: ['with-vitest.ts'], skipLibCheck: true },
]

// require() of an entry returns the plugin. Nothing connects before a request needs it.
const required = `
const Fastify = require('fastify')
const { Database } = require('fastify-data-bridge/orm')
const connectionString = 'postgresql://127.0.0.1:1/none'
const app = Fastify()
app.register(require('fastify-data-bridge'), { connectionString })
app.register(require('fastify-data-bridge/plugin'), { connectionString, name: 'reports' })
app.ready().then(async () => {
  if (!(app.dataBridge instanceof Database && app.dataBridges.reports instanceof Database))
    throw new Error('expected the entries of the package to share one Database class')
  await app.close()
})
`

const resolutions = [
  { module: 'nodenext', moduleResolution: 'nodenext' },
  { module: 'esnext', moduleResolution: 'bundler' },
]

try {
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  for (const [file, text] of Object.entries({ ...applications, 'required.cjs': required })) {
    writeFileSync(join(folder, file), text)
  }
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/fastify-data-bridge'), 'dir')
  const failures = ['typescript', 'typescript-5'].flatMap((compiler) =>
    resolutions.flatMap((resolution) =>
      programs.flatMap((program) => compile(compiler, resolution, program)),
    ),
  )
  failures.push(...run('required.cjs'))
  process.stdout.write(
    failures.length === 0 ? 'the applications compile and load the package\n' : failures.join('\n'),
  )
  process.exitCode = failures.length === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function run(file: string): string[] {
  const { status, stderr } = spawnSync(process.execPath, [join(folder, file)], { encoding: 'utf8' })
  return status === 0 ? [] : [`${file}:\n${stderr}`]
}

function compile(
  compiler: string,
  resolution: (typeof resolutions)[number],
  { files, skipLibCheck }: (typeof programs)[number],
): string[] {
  const options = {
    ...resolution,
    target: 'es2022',
    strict: true,
    noEmit: true,
    skipLibCheck,
  }
  const lib = ['es2024', 'esnext.disposable']
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: { ...options, lib, types: ['node'] },
      files,
    }),
  )
  const bin = join(
    root,
    'node_modules',
    compiler,
    compiler === 'typescript' ? 'bin/tsc' : 'lib/tsc.js',
  )
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, '--project', folder], {
    encoding: 'utf8',
  })
  if (status === 0) return []
  return [`${compiler}, ${resolution.moduleResolution}:\n${stdout}${stderr}`]
}
