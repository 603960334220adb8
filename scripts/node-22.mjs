/*
 * Tries the built package (`npm run build`) on two versions of Node: the one that runs this script, and the oldest
 * that the package supports, which npm installs into a temporary folder. On both it loads every entry with
 * `import` and `require`, and sends a traced request through Fastify to a PostgreSQL with the preload.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const root = resolve(import.meta.dirname, '..')
const service = join(import.meta.dirname, 'node-22-service.mjs')
const expected = ['GET /posts', 'request', 'db.session.flush', 'db.query.find', 'db.session.commit']
const longestMs = 60_000

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
// Vitest loads its setup file. Elsewhere there is no suite.
const others = ['./package.json', './testing/vitest']
const entries = Object.keys(exports)
  .filter((entry) => !others.includes(entry))
  .map((entry) => entry.replace('.', 'fastify-data-bridge'))

if (!existsSync(join(root, 'dist'))) {
  console.error('Expected the built package in dist/, found nothing. Run `npm run build` first.')
  process.exit(1)
}

const folder = mkdtempSync(join(tmpdir(), 'node-22-'))
try {
  await tryOn(process.execPath)
  await tryOn(installNode22())
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function installNode22() {
  const args = ['install', '--prefix', folder, '--no-save', '--no-package-lock', '--no-audit']
  const options = { cwd: folder, encoding: 'utf8', timeout: 3 * longestMs }
  const { stderr } = spawnSync('npm', [...args, '--ignore-scripts=false', 'node@22'], options)
  const node = join(folder, 'node_modules/node/bin/node')
  if (!existsSync(node)) throw new Error(`npm did not install Node 22:\n${stderr}`)
  return node
}

async function tryOn(node) {
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
  await check(`${version}: import of ${entries.length} entries`, () => load(node, 'module'))
  await check(`${version}: require of ${entries.length} entries`, () => load(node, 'commonjs'))
  for (const flag of ['--import', '--require']) {
    await check(`${version}: a traced request with ${flag}`, () => trace(node, flag))
  }
}

async function check(title, run) {
  try {
    await run()
    console.log(`ok    ${title}`)
  } catch (error) {
    console.log(`FAILS ${title}: ${error.message}`)
    process.exitCode = 1
  }
}

function load(node, type) {
  const load = type === 'module' ? 'await import' : 'require'
  const code = entries
    .map((entry) => `if (typeof ${load}('${entry}') !== 'object') throw new Error('${entry}')`)
    .join(';')
  const { status, stderr } = spawnSync(node, [`--input-type=${type}`, '-e', code], {
    cwd: root,
    env: { ...process.env, DATA_BRIDGE_TRACING_ENABLED: 'false' },
    encoding: 'utf8',
    timeout: longestMs,
  })
  if (status !== 0) throw new Error(stderr)
}

async function trace(node, flag) {
  const collector = await startCollector()
  const child = spawn(node, [flag, 'fastify-data-bridge/register', service], {
    cwd: root,
    env: {
      ...process.env,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: longestMs,
  })
  let errors = ''
  child.stderr.on('data', (chunk) => (errors += chunk))
  const exit = once(child, 'exit')
  try {
    const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), exit])
    if (typeof line !== 'string') throw new Error('the service ended before it listened')
    const response = await fetch(`${line}/posts`)
    if (response.status !== 200) throw new Error(await response.text())
    child.kill('SIGTERM')
    const [code, signal] = await exit
    if (code !== 0)
      throw new Error(`the service expected to end with 0, ended with ${code ?? signal}`)
    const missing = expected.filter((name) => !collector.spans.some((span) => span.name === name))
    if (missing.length > 0) throw new Error(`expected the spans ${missing.join(', ')}, got none`)
    const request = collector.spans.find(({ name }) => name === 'request')
    const find = collector.spans.find(({ name }) => name === 'db.query.find')
    if (find.parentSpanId !== request.spanId)
      throw new Error('expected the span db.query.find below the span request')
  } catch (error) {
    throw new Error(`${error.message}\n${errors}`, { cause: error })
  } finally {
    child.kill('SIGKILL')
    collector.close()
  }
}

/** Starts a server that receives OTLP over HTTP in JSON. */
async function startCollector() {
  const spans = []
  const server = createServer((request, response) => void take(request, response))
  const take = async (request, response) => {
    const chunks = await request.toArray()
    const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString())
    const scopes = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans)
    spans.push(...scopes.flatMap((scope) => scope.spans))
    response.setHeader('content-type', 'application/json').end('{}')
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { endpoint: `http://127.0.0.1:${server.address().port}`, spans, close }
}
