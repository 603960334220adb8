import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { connect } from '../../../support/database.ts'
import { RestartablePostgres } from '../../../support/restartable-postgres.ts'
import { binaries, decoderOf, text } from './decoders.ts'
import { feeds, openLane, rowsOf, send } from './lanes.ts'

const run = promisify(execFile)

/** A key and a certificate that it signed itself. */
async function selfSigned(): Promise<{ readonly key: Buffer; readonly certificate: Buffer }> {
  const folder = await mkdtemp(join(tmpdir(), 'lane-tls-'))
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  try {
    await run('openssl', [
      ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'.split(' '),
      ...'-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1'.split(' '),
      '-keyout',
      key,
      '-out',
      certificate,
    ])
    return { key: await readFile(key), certificate: await readFile(certificate) }
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const { key, certificate } = await selfSigned()
const postgres = await RestartablePostgres.create(await freePort())
afterAll(() => postgres[Symbol.asyncDispose]())
await postgres.start()
{
  await using client = await connect(postgres.url)
  // The server writes them itself: it takes only a key that belongs to its account.
  for (const [name, content] of Object.entries({ 'server.key': key, 'server.crt': certificate })) {
    const program = `umask 077; base64 -d > ${name}`
    await client.query(`copy (select '${content.toString('base64')}') to program '${program}'`)
  }
  await client.query('alter system set ssl = on')
  await client.query('select pg_reload_conf()')
}

const ssl = { ca: certificate }
const decoder = decoderOf(binaries[1]!, text)

it.each(feeds)('reads and writes through TLS, by %s', async (feed) => {
  // The server reads its settings a moment later.
  await expect
    .poll(() => openLane(postgres.url, feed, { ssl }).then(() => 'open', String))
    .toBe('open')
  const { lane } = await openLane(postgres.url, feed, { ssl })
  expect(lane.readsBytes).toBe(feed === 'bytes')
  expect(await rowsOf(lane, 'select ssl from pg_stat_ssl where pid = pg_backend_pid()')).toEqual([
    ['t'],
  ])
  const part = {
    text: `select n, repeat('é', $1) from generate_series(1, 200) n`,
    name: 'large',
    parameters: ['5000'],
    decoder,
  }
  for (let time = 0; time < 3; time += 1) {
    const rows = await rowsOf(lane, part)
    expect(rows).toEqual(Array.from({ length: 200 }, (_, at) => [at + 1, 'é'.repeat(5000)]))
  }
  const large = 'x'.repeat(3_000_000)
  const echo = { text: 'select length($1)::int4, right($1, 3)', parameters: [large], decoder }
  const many = await Promise.all(Array.from({ length: 5 }, () => rowsOf(lane, echo)))
  expect(many).toEqual(Array.from({ length: 5 }, () => [[3_000_000, 'xxx']]))
  const { failure } = await send(lane, part, 'select 1 / 0')
  expect(failure).toMatchObject({ error: { code: '22012' }, part: 1, isLost: false })
  const end = await send(lane, 'select pg_terminate_backend(pg_backend_pid())')
  expect(end.failure).toMatchObject({ error: { code: '57P01' }, isLost: true })
})
