/*
 * Compiles a small application against the built package as its users do: without our sources, with
 * the declarations of libraries checked too. `npm run package:check` builds first.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
// Within the repository, so that the package's peers are found.
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

const resolutions = [
  { module: 'nodenext', moduleResolution: 'nodenext' },
  { module: 'esnext', moduleResolution: 'bundler' },
]

try {
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'application.ts'), application)
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/fastify-data-bridge'), 'dir')
  const failures = ['typescript', 'typescript-5'].flatMap((compiler) =>
    resolutions.flatMap((resolution) => compile(compiler, resolution)),
  )
  process.stdout.write(failures.length === 0 ? 'a consumer compiles\n' : failures.join('\n'))
  process.exitCode = failures.length === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function compile(compiler: string, resolution: (typeof resolutions)[number]): string[] {
  const options = {
    ...resolution,
    target: 'es2022',
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  }
  const lib = ['es2024', 'esnext.disposable']
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: { ...options, lib, types: ['node'] },
      files: ['application.ts'],
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
