import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'
import {
  AlwaysOnSampler,
  InMemorySpanExporter,
  type Sampler,
  SamplingDecision,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { describe, expect, it, vi } from 'vitest'
import { describeTelemetry } from '../../orm/telemetry/setup/describe.ts'
import { unreachable } from '../../orm/telemetry/setup/describe-endpoint.ts'
import type { TelemetryReport } from '../../orm/telemetry/setup/describe-report.ts'

const fixture = (name: string): string => new URL(`fixtures/${name}.ts`, import.meta.url).pathname

interface Listening extends AsyncDisposable {
  readonly port: number
}

/** A server that takes connections, and nothing more. */
async function listen(): Promise<Listening> {
  const server = createServer((socket) => socket.destroy())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      await once(server.close(), 'close')
    },
  }
}

/** A server that is too busy to take a connection, so that the system soon answers none. */
async function listenWithoutTaking(): Promise<Listening> {
  const source = `
    import { createServer } from 'node:net'
    const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      process.stdout.write(server.address().port + '\\n')
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
    })`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source])
  const exit = once(child, 'exit')
  const [port] = (await once(createInterface(child.stdout), 'line')) as [string]
  return {
    port: Number(port),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exit
    },
  }
}

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  await using listening = await listen()
  return listening.port
}

/** What a process of its own says, which has this environment and no other variable of OpenTelemetry. */
async function reportIn(
  environment: Readonly<Record<string, string>>,
  ...flags: string[]
): Promise<TelemetryReport & { readonly text: string }> {
  const preloads = flags.filter((flag) => flag !== '--sdk').flatMap((file) => ['--import', file])
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(OTEL|DATA_BRIDGE)_/.test(name),
  )
  const env = {
    ...Object.fromEntries(inherited),
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
    ...environment,
  }
  const sdk = flags.includes('--sdk') ? ['--sdk'] : []
  const node = ['--conditions=fastify-data-bridge-source', ...preloads, fixture('describe'), ...sdk]
  const { stdout } = await promisify(execFile)(process.execPath, node, { env, timeout: 15_000 })
  return JSON.parse(stdout) as TelemetryReport & { readonly text: string }
}

/** What is said where an SDK was set up in code, and the spans that it has exported when another one has ended. */
async function describeWith(
  sampler: Sampler,
): Promise<{ readonly report: TelemetryReport; readonly exported: readonly string[] }> {
  const exporter = new InMemorySpanExporter()
  const processor = new SimpleSpanProcessor({ exporter })
  const sdk = new NodeSDK({ sampler, spanProcessors: [processor] })
  sdk.start()
  try {
    const report = await describeTelemetry()
    trace.getTracer('other').startSpan('other').end()
    await processor.forceFlush()
    return { report, exported: exporter.getFinishedSpans().map(({ name }) => name) }
  } finally {
    await sdk.shutdown()
    trace.disable()
  }
}

const codes = ({ problems }: TelemetryReport): string[] => problems.map(({ code }) => code)

describe('describeTelemetry() finds no problem', () => {
  it('with a provider, a sampler that samples and an endpoint that listens', async () => {
    await using collector = await listen()
    const endpoint = `http://127.0.0.1:${collector.port}`
    const report = await reportIn({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }, '--sdk')
    expect(report).toMatchObject({
      isExporting: true,
      problems: [],
      provider: 'TracerProvider',
      sampler: expect.stringContaining('ParentBased{root=AlwaysOnSampler'),
      exporter: 'otlp',
      endpoint,
      protocol: 'http/protobuf',
    })
    expect(report.text).toMatch(/^traces: no problem was found\n/)
  })

  it('in a process that was started with the preload, and says how OTLP is spoken there', async () => {
    await using collector = await listen()
    const endpoint = `127.0.0.1:${collector.port}`
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_INSECURE: 'true',
    }
    const report = await reportIn(environment, 'fastify-data-bridge/register')
    expect(report).toMatchObject({
      isExporting: true,
      exporter: 'otlp',
      endpoint: `http://${endpoint}`,
      protocol: 'grpc',
    })
  })

  it('with a ratio, however small, and says which', async () => {
    const environment = {
      OTEL_TRACES_EXPORTER: 'console',
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.000001',
    }
    const report = await reportIn(environment, '--sdk')
    expect(report).toMatchObject({
      isExporting: true,
      sampler: 'TraceIdRatioBased{0.000001}',
      exporter: 'console',
    })
  })

  it('with an exporter that was set up in code, and exports no span itself', async () => {
    const { report, exported } = await describeWith(new AlwaysOnSampler())
    expect(exported).toEqual(['other'])
    expect(codes(report)).toEqual([])
    expect(report.exporter).toBe('InMemorySpanExporter')
    expect(report.endpoint).toBeUndefined()
  })

  it.each([
    ['its string', { toString: () => 'Own' }, 'Own'],
    ['unknown without a string', {}, undefined],
    ['unknown with an empty string', { toString: () => '' }, undefined],
  ])('with a foreign sampler, which it does not ask: %s', async (_, named, expected) => {
    const shouldSample = vi.fn<Sampler['shouldSample']>(() => ({
      decision: SamplingDecision.NOT_RECORD,
    }))
    const { report } = await describeWith({ shouldSample, ...named })
    // That was the span that the test itself has started.
    expect(shouldSample).toHaveBeenCalledOnce()
    expect(codes(report)).toEqual([])
    expect(report.sampler).toBe(expected)
    expect(String(report)).toContain(`\nsampler: ${expected ?? 'unknown'}\n`)
  })
})

describe('describeTelemetry() says what is wrong and what to do', () => {
  const offline = { OTEL_TRACES_EXPORTER: 'console' }

  it('where @opentelemetry/api is not installed', async () => {
    const report = await reportIn(offline, fixture('without-api'))
    expect(report.isExporting).toBe(false)
    expect(report.provider).toBeUndefined()
    expect(report.sampler).toBeUndefined()
    expect(codes(report)).toEqual(['package-missing'])
    expect(report.problems[0]?.message).toMatch(/npm install @opentelemetry\/api /)
  })

  it.each([
    ['DATA_BRIDGE_TRACING_ENABLED', 'false'],
    ['DATA_BRIDGE_TRACING_ENABLED', '0'],
    ['OTEL_SDK_DISABLED', 'true'],
  ])('where tracing is off: %s=%s', async (name, value) => {
    const report = await reportIn({ ...offline, [name]: value })
    expect(codes(report)).toEqual(['disabled'])
    expect(report.problems[0]?.message).toContain(`${name} is ${value}: set it to`)
  })

  it('where no provider is registered', async () => {
    const report = await reportIn(offline)
    expect(codes(report)).toEqual(['no-provider'])
    expect(report.problems[0]?.message).toContain('--import fastify-data-bridge/register')
  })

  it.each(['none', 'jaeger', 'OTLP'])(
    'where no provider is registered for want of an exporter: %s',
    async (exporter) => {
      const report = await reportIn({ OTEL_TRACES_EXPORTER: exporter }, '--sdk')
      expect(codes(report)).toEqual(['no-provider'])
      expect(report.problems[0]?.message).toContain(`OTEL_TRACES_EXPORTER is ${exporter}: set it`)
    },
  )

  it('where the provider gives its spans to nobody, whoever listens at the endpoint', async () => {
    trace.setGlobalTracerProvider(new TracerProvider())
    try {
      const report = await describeTelemetry()
      expect(codes(report)).toEqual(['no-exporter'])
      expect(report.exporter).toBe('none')
      expect(report.problems[0]?.message).toContain('has no span processor: give it one')
    } finally {
      trace.disable()
    }
  })

  it.each([
    [{ OTEL_TRACES_SAMPLER: 'always_off' }, 'AlwaysOffSampler'],
    [{ OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, 'ParentBased{root=AlwaysOffSampler'],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }, 'TraceIdRatioBased{0}'],
  ])('where the sampler takes nothing: %o', async (environment, sampler) => {
    const report = await reportIn({ ...offline, ...environment }, '--sdk')
    expect(codes(report)).toEqual(['sampler'])
    expect(report.sampler).toContain(sampler)
    expect(report.problems[0]?.message).toContain(
      'set OTEL_TRACES_SAMPLER to parentbased_always_on',
    )
  })

  it('where nobody listens at the endpoint, without its secrets', async () => {
    const port = await closedPort()
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://ann:hunter2@127.0.0.1:${port}/v1?key=hunter3`,
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=hunter4',
    }
    const report = await reportIn(environment, '--sdk')
    expect(codes(report)).toEqual(['endpoint-unreachable'])
    expect(report.problems[0]?.message).toBe(
      `nothing can be sent to http://127.0.0.1:${port}/v1 (ECONNREFUSED), ` +
        'named by OTEL_EXPORTER_OTLP_ENDPOINT: correct it, or start a collector there',
    )
    expect(JSON.stringify(report)).not.toMatch(/ann|hunter/)
  })

  it('where the endpoint is no URL', async () => {
    const report = await reportIn({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://' })
    expect(codes(report)).toEqual(['no-provider', 'endpoint-unreachable'])
    expect(report.text).toContain('OTEL_EXPORTER_OTLP_ENDPOINT is not a URL')
  })
})

describe('an endpoint', () => {
  it('is reachable where a server listens, and not where none does', async () => {
    await using listening = await listen()
    expect(await unreachable({ host: '127.0.0.1', port: listening.port }, 2000)).toBeUndefined()
    expect(await unreachable({ host: '127.0.0.1', port: await closedPort() }, 2000)).toBe(
      'ECONNREFUSED',
    )
  })

  it('is not reachable where the host has no name', async () => {
    expect(await unreachable({ host: 'nowhere.invalid', port: 4317 }, 2000)).toMatch(
      /^(ENOTFOUND|EAI_AGAIN|no answer)/,
    )
  })

  it('is not waited for longer than the limit', async () => {
    await using busy = await listenWithoutTaking()
    const waiting = Array.from({ length: 8 }, () => connect(busy.port, '127.0.0.1'))
    expect(await unreachable({ host: '127.0.0.1', port: busy.port }, 100)).toBe(
      'no answer within 100 ms',
    )
    for (const socket of waiting) socket.destroy()
  })
})
