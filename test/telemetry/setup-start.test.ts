import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { blog } from '../support/entities.ts'
import { startReceiver } from './receiver.ts'
import { startService } from './service.ts'

const { url: databaseUrl } = await testDatabase(blog)
const common = { DATABASE_URL: databaseUrl, OTEL_BSP_SCHEDULE_DELAY: '50' }
const root = resolve(import.meta.dirname, '../..')

describe('the preload', () => {
  it.concurrent('works by --require, prints spans, and tells what it does', async () => {
    await using service = await startService({
      preload: ['--require', 'fastify-data-bridge/register'],
      args: ['--graceful'],
      env: {
        ...common,
        OTEL_TRACES_EXPORTER: 'console',
        OTEL_SERVICE_NAME: 'my-api',
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '1',
        OTEL_LOG_LEVEL: 'debug',
      },
    })
    await (await fetch(`${service.url}/lazy`)).text()
    service.child.kill('SIGTERM')
    expect(await service.exit).toEqual([0, null])
    for (const name of ['GET /lazy', 'request', 'db.query.find', 'db.session.commit']) {
      expect(service.output).toContain(`name: '${name}'`)
    }
    expect(service.output).toContain(
      'fastify-data-bridge started: exporter console, sampler parentbased_traceidratio 1, service my-api',
    )
    expect(service.output).toContain('fastify-data-bridge flush: done')
  })

  it.concurrent('works for CommonJS, and goes on without variables that would end the process', async () => {
    await using receiver = await startReceiver()
    await using service = await startService({
      file: 'server.cjs',
      env: {
        ...common,
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.grpcEndpoint.replace('//', '//user:secret@'),
        OTEL_EXPORTER_OTLP_HEADERS: 'api-key=secret,api key=secret',
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http',
        OTEL_TRACES_SAMPLER: 'traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '10%',
        OTEL_LOG_LEVEL: 'info',
      },
    })
    expect(await (await fetch(`${service.url}/count`)).text()).toBe('0')
    service.child.kill('SIGTERM')
    expect(await service.exit).toEqual([0, null])
    expect(receiver.spans.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['GET /count', 'request', 'db.query.count']),
    )
    expect(service.errors).toContain(
      '[DATA_BRIDGE_TELEMETRY] Warning: OTEL_TRACES_SAMPLER_ARG is ignored: ' +
        'expected a number from 0 to 1, got the string "10%"',
    )
    expect(service.errors).toContain('OTEL_EXPORTER_OTLP_PROTOCOL is ignored: expected one of grpc')
    expect(service.errors).toContain('OTEL_EXPORTER_OTLP_HEADERS is ignored at position 2')
    expect(receiver.arrivals[0]?.headers).toMatchObject({ 'api-key': 'secret' })
    expect(service.output).toContain(
      `started: exporter otlp, protocol grpc, endpoint ${receiver.grpcEndpoint}, sampler traceidratio 1, service not named`,
    )
    expect(service.output + service.errors).not.toContain('secret')
  })
})

describe('configureTelemetry', () => {
  it.concurrent('exports from a service that calls it after everything is loaded', async () => {
    await using receiver = await startReceiver()
    const options = {
      serviceName: 'my-api',
      serviceVersion: '1.0.0',
      environment: 'production',
      endpoint: receiver.endpoint,
      protocol: 'http/protobuf',
      headers: { 'api-key': 'a,b; c=d' },
      batch: { scheduleDelayMs: 60_000 },
      metrics: true,
    }
    await using service = await startService({
      file: 'configured.ts',
      preload: [],
      args: [JSON.stringify(options)],
      env: {
        ...common,
        OTEL_SERVICE_NAME: 'other',
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9/v1/traces',
      },
    })
    await (await fetch(`${service.url}/count`)).text()
    await (await fetch(`${service.url}/flush`)).text()
    const spans = receiver.spans
    const request = spans.find(({ name }) => name === 'request')
    const server = spans.find(({ name }) => name === 'GET /count')
    expect(server?.kind).toBe(2)
    expect(request?.parentSpanId).toBe(server?.spanId)
    expect(spans.find(({ name }) => name === 'db.query.count')?.parentSpanId).toBe(request?.spanId)
    expect(receiver.resource).toMatchObject({
      'service.name': 'my-api',
      'service.version': '1.0.0',
      'deployment.environment.name': 'production',
    })
    expect(receiver.arrivals.map(({ path }) => path)).toContain('/v1/metrics')
    expect(receiver.arrivals[0]?.headers).toMatchObject({ 'api-key': 'a,b; c=d' })
    expect(await (await fetch(`${service.url}/again`)).text()).toBe('true')
    service.child.kill('SIGTERM')
    expect(await service.exit).toEqual([0, null])
    expect(service.errors).toContain(
      'telemetry is configured already: these options are not used: serviceName',
    )
    expect(receiver.spans.map(({ name }) => name)).toContain('GET /again')
  })

  it('names the packages that are not installed, and how to install them', () => {
    const folder = libraryElsewhere()
    mkdirSync(join(folder, 'node_modules/@opentelemetry'), { recursive: true })
    const start = (): string => {
      const flags = ['--conditions=fastify-data-bridge-source', '--import']
      const args = [...flags, 'fastify-data-bridge/register', '-e', '0']
      return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' }).stderr
    }
    const all =
      '@opentelemetry/api @fastify/otel @opentelemetry/sdk-node @opentelemetry/auto-instrumentations-node'
    expect(start()).toContain(
      `the set-up of telemetry needs the packages ${all.replaceAll(' ', ', ')}, which are not ` +
        `installed: npm install ${all}`,
    )
    for (const name of ['@opentelemetry/api', '@fastify']) {
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
    }
    const otel = '@opentelemetry/sdk-node'
    symlinkSync(join(root, 'node_modules', otel), join(folder, 'node_modules', otel))
    expect(start()).toContain(
      'needs the package @opentelemetry/auto-instrumentations-node, which is not installed: ' +
        'npm install @opentelemetry/auto-instrumentations-node',
    )
  })

  it('finds packages that the application has, where installers let this one see its peers only', () => {
    const library = libraryElsewhere()
    const application = emptyFolder()
    const link = (folder: string, name: string): void => {
      mkdirSync(join(folder, 'node_modules', name, '..'), { recursive: true })
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
    }
    link(library, '@opentelemetry/api')
    for (const name of ['@opentelemetry', '@fastify']) link(application, name)
    const script = `import('${pathToFileURL(join(library, 'orm/telemetry/index.ts')).href}')
      .then(({ configureTelemetry }) => configureTelemetry().shutdown())
      .then(() => console.log('started'))`
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
      cwd: application,
      encoding: 'utf8',
      env: { ...process.env, OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' },
    })
    expect([stdout, stderr]).toEqual(['started\n', ''])
  })

  it('does nothing where the environment says no', async () => {
    vi.stubEnv('DATA_BRIDGE_TRACING_ENABLED', 'false')
    onTestFinished(() => void vi.unstubAllEnvs())
    const { configureTelemetry } = await import('../../orm/telemetry/index.ts')
    await using telemetry = configureTelemetry({ serviceName: 'my-api' })
    await telemetry.flush()
    expect(process.env).not.toHaveProperty('OTEL_SERVICE_NAME')
    expect(() => configureTelemetry({ sampleRatio: 2 })).toThrow('sampleRatio expected')
  })
})

/** Its sources, without the packages that they use. */
function libraryElsewhere(): string {
  const folder = emptyFolder()
  for (const part of ['package.json', 'orm', 'plugin'])
    cpSync(join(root, part), join(folder, part), { recursive: true })
  return folder
}

function emptyFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'data-bridge-')))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}
