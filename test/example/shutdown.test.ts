import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { json } from 'node:stream/consumers'
import supertest from 'supertest'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { portOf } from '../../example-api/port.ts'
import { connect, testDatabase } from '../support/database.ts'
import { startReceiver } from '../telemetry/receiver.ts'
import {
  accepts,
  connectionCount,
  exampleSchema,
  privateTemporaryFolder,
  Program,
} from './support.ts'

const server = await testDatabase()
const user = { name: 'Last', email: 'last@example.com' }

describe('npm start', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'answers what is in flight on %s, then stops its PostgreSQL',
    async (signal) => {
      const { path, leftovers } = privateTemporaryFolder()
      const program = Program.run('server', { TMPDIR: path })
      const url = await program.listens()
      const inFlight = await halfSent(url)
      program.kill(signal)
      await closed(url)
      expect(await finish(inFlight)).toMatchObject({ status: 201, body: user })
      expect(await program.ended).toEqual([0, null])
      expect(program.stderr).toBe('')
      expect(leftovers()).toEqual([])
    },
  )

  it('answers a request that waits for a row', async () => {
    const program = Program.run('server', { DATABASE_URL: server.url })
    const url = await program.listens()
    await using other = await connect(server.url)
    await other.query('begin')
    await other.query(`select from ${exampleSchema}.users where id = 1 for update`)
    const waiting = supertest(url)
      .patch('/users/1')
      .send({ age: 99 })
      .then(({ status }) => status)
    await vi.waitFor(async () => assert.equal(await blockedConnections(), 1), { timeout: 10_000 })
    program.kill('SIGTERM')
    await closed(url)
    expect(await blockedConnections()).toBe(1)
    await other.query('commit')
    expect(await waiting).toBe(200)
    expect(await program.ended).toEqual([0, null])
    await expect.poll(() => connectionCount(server)).toBe(0)
    const rows = await server.query(`select age from ${exampleSchema}.users where id = 1`)
    expect(rows).toEqual([{ age: 99 }])
  })

  it('exports its traces where OTEL_EXPORTER_OTLP_ENDPOINT says', async () => {
    await using receiver = await startReceiver()
    const npm = new Program('npm', ['start'], {
      DATABASE_URL: server.url,
      PORT: '0',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    })
    const url = await npm.listens()
    expect((await fetch(`${url}/posts?limit=10`)).status).toBe(200)
    npm.interruptGroup()
    expect(await npm.ended).toEqual([0, null])
    expect(receiver.spans.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['request', 'db.query.find', 'db.relationship.selectinload']),
    )
  })

  it('stops on a Ctrl-C that reaches npm, its shell and Node together', async () => {
    const { path, leftovers } = privateTemporaryFolder()
    const npm = new Program('npm', ['start'], { DATABASE_URL: '', PORT: '0', TMPDIR: path })
    const url = await npm.listens()
    const inFlight = await halfSent(url)
    npm.interruptGroup()
    await closed(url)
    expect(await finish(inFlight)).toMatchObject({ status: 201 })
    expect(await npm.ended).toEqual([0, null])
    expect(leftovers()).toEqual([])
  })

  it('stops when it is asked to while it starts', async () => {
    const { path, leftovers } = privateTemporaryFolder()
    const program = Program.run('server', { TMPDIR: path })
    await vi.waitFor(() => assert.notDeepEqual(leftovers(), []), { timeout: 10_000, interval: 50 })
    program.kill('SIGTERM')
    expect(await program.ended).toEqual([0, null])
    expect(leftovers()).toEqual([])
  })

  it('ends at once on a second Ctrl-C', async () => {
    const { path, leftovers } = privateTemporaryFolder()
    const program = Program.run('server', { TMPDIR: path })
    const url = await program.listens()
    const inFlight = await halfSent(url)
    inFlight.on('error', () => {})
    program.kill('SIGINT')
    await closed(url)
    const impatience = setInterval(() => program.kill('SIGINT'), 50)
    onTestFinished(() => clearInterval(impatience))
    expect(await program.ended).toEqual([null, 'SIGINT'])
    await vi.waitFor(() => assert.deepEqual(leftovers(), []), { timeout: 10_000 })
  })

  it('says that its port is in use, and stops its PostgreSQL', async () => {
    const { path, leftovers } = privateTemporaryFolder()
    const other = createServer()
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const { port } = other.address() as AddressInfo
    const program = Program.run('server', { TMPDIR: path, PORT: String(port) })
    expect(await program.ended).toEqual([1, null])
    expect(program.stderr).toBe(`The port ${port} is in use. Set PORT to another port.\n`)
    expect(leftovers()).toEqual([])
  })

  it('says that a PORT is none', async () => {
    const program = Program.run('server', { DATABASE_URL: server.url, PORT: '3000.5' })
    expect(await program.ended).toEqual([1, null])
    expect(program.stderr).toBe('PORT expected a number from 0 to 65535, got 3000.5.\n')
    for (const none of ['http', '-1', '65536']) {
      expect(() => portOf(none)).toThrow(`PORT expected a number from 0 to 65535, got ${none}.`)
    }
    expect(['', '0', '65535'].map(portOf)).toEqual([3000, 0, 65_535])
  })
})

/** A request that the server has begun to handle, and whose body it waits for. */
async function halfSent(url: string): Promise<ClientRequest> {
  const sending = request(`${url}/users`, {
    method: 'POST',
    agent: new Agent({ keepAlive: true }), // a client that does not let go of its connection
    headers: { 'content-type': 'application/json', expect: '100-continue' },
  })
  sending.flushHeaders()
  await once(sending, 'continue')
  return sending
}

async function finish(sending: ClientRequest): Promise<{ status: unknown; body: unknown }> {
  sending.end(JSON.stringify(user))
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  return { status: response.statusCode, body: await json(response) }
}

/** Waits until the server takes no more connections: it has begun to close. */
async function closed(url: string): Promise<void> {
  await vi.waitFor(async () => assert.equal(await accepts(url), false), {
    timeout: 10_000,
    interval: 10,
  })
}

async function blockedConnections(): Promise<number> {
  const rows = await server.query(`select pid from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'
      and application_name = 'fastify-data-bridge-example'`)
  return rows.length
}
