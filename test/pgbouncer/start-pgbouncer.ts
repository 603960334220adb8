import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chown, mkdtemp, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import pg from 'pg'
import {
  plainEnvironment,
  temporaryFolder,
  unprivilegedAccount,
} from '../../plugin/testing/postgres-account.ts'

/** A running PgBouncer. */
export interface PgBouncer extends AsyncDisposable {
  /** The URL that it was started with, through PgBouncer. */
  readonly url: string
  /** Sends a command to its console, such as `show pools`. */
  command(text: string): Promise<Readonly<Record<string, unknown>>[]>
}

/** Settings of its ini file. */
export type PgBouncerSettings = Readonly<Record<string, string | number>>

const portAttempts = 5

// The end of stdin ends PgBouncer: it does not outlive this process, however that ends. Its own end ends the shell.
const script = `
trap '' HUP INT QUIT TERM
folder=$1
shift
exec 3<&0 </dev/null
"$@" 3<&- &
bouncer=$!
{ read -r line <&3; kill -TERM $bouncer; } 2>/dev/null &
reader=$!
wait $bouncer
kill -KILL $reader 2>/dev/null
rm -rf "$folder"`

/** Starts a PgBouncer in transaction mode on a free port of 127.0.0.1, in front of the server of a URL. */
export async function startPgBouncer(
  url: string,
  settings: PgBouncerSettings = {},
): Promise<PgBouncer> {
  for (let attempt = 1; ; attempt += 1) {
    const started = await start(new URL(url), await freePort(), settings)
    if (typeof started !== 'string') return started
    // Another process can take a free port before PgBouncer does.
    if (attempt >= portAttempts || !started.includes('Address already in use'))
      throw new Error(`PgBouncer did not start:\n${started}`)
  }
}

/** @returns what PgBouncer logged, if it did not start */
async function start(
  server: URL,
  port: number,
  settings: PgBouncerSettings,
): Promise<PgBouncer | string> {
  const program = installed()
  const account = await unprivilegedAccount()
  const folder = await mkdtemp(join(await temporaryFolder(account), 'fastify-data-bridge-bouncer-'))
  const ini = join(folder, 'pgbouncer.ini')
  const users = join(folder, 'userlist.txt')
  await writeFile(users, `${quoted(server.username)} ${quoted(server.password)}\n`)
  await writeFile(ini, iniOf(server, { listen_port: port, auth_file: users, ...settings }))
  if (account !== undefined) {
    for (const path of [folder, ini, users]) await chown(path, account.uid, account.gid)
  }
  const child = spawn('/bin/sh', ['-c', script, 'sh', folder, program, ini], {
    ...account,
    cwd: '/',
    detached: true, // Ctrl-C would end it before its clients
    env: plainEnvironment(),
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  child.stdin.on('error', () => {}) // PgBouncer has ended already
  const { promise: isUp, resolve } = Promise.withResolvers<boolean>()
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text
    if (text.includes('process up')) resolve(true)
  })
  const ended = new Promise<void>((done) => child.once('close', () => done()))
  void ended.then(() => resolve(false))
  if (!(await isUp)) return log
  const through = new URL(server)
  through.host = `127.0.0.1:${port}`
  return {
    url: through.href,
    command: (text) => tellConsole(through, text),
    async [Symbol.asyncDispose]() {
      child.stdin.destroy()
      await ended
    },
  }
}

function iniOf(server: URL, settings: PgBouncerSettings): string {
  const all: PgBouncerSettings = {
    listen_addr: '127.0.0.1',
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    admin_users: decodeURIComponent(server.username),
    pool_mode: 'transaction',
    default_pool_size: 5,
    log_connections: 0,
    log_disconnections: 0,
    ...settings,
  }
  const lines = Object.entries(all).map((setting) => setting.join(' = '))
  const target = `* = host=${server.hostname} port=${server.port || 5432}`
  return ['[databases]', target, '[pgbouncer]', ...lines, ''].join('\n')
}

function quoted(part: string): string {
  return `"${decodeURIComponent(part).replaceAll('"', '""')}"`
}

/** Debian installs it where the PATH of an ordinary account may not look. */
function installed(): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  const found = folders.map((folder) => join(folder, 'pgbouncer')).find((path) => existsSync(path))
  if (found === undefined)
    throw new Error(
      'These tests need PgBouncer: apt-get install pgbouncer, or brew install pgbouncer.',
    )
  return found
}

async function tellConsole(url: URL, text: string): Promise<Readonly<Record<string, unknown>>[]> {
  const database = new URL(url)
  database.pathname = '/pgbouncer'
  const client = new pg.Client(database.href)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
