import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { serve } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post, user } from '../support/entities.ts'
import { startTracing, takeSpans } from '../telemetry/traced.ts'

interface Service {
  readonly profiles?: readonly string[]
  readonly image: string
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly ports: readonly string[]
  readonly volumes: readonly string[]
  readonly depends_on: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck: { readonly test: readonly string[] }
}

interface Policy {
  readonly name: string
  readonly type: string
  readonly status_code?: { readonly status_codes: readonly string[] }
  readonly latency?: { readonly threshold_ms: number }
  readonly numeric_attribute?: {
    readonly key: string
    readonly min_value: number
    readonly max_value: number
  }
  readonly probabilistic?: { readonly sampling_percentage: number }
}

type Components = Readonly<Record<string, unknown>>

interface Configuration {
  readonly receivers: {
    readonly otlp: { readonly protocols: Readonly<Record<string, { readonly endpoint: string }>> }
  }
  readonly processors: Components & {
    readonly tail_sampling: { readonly policies: readonly Policy[] }
  }
  readonly exporters: Readonly<Record<string, { readonly endpoint: string }>>
  readonly extensions: { readonly health_check: { readonly endpoint: string } }
  readonly service: {
    readonly extensions: readonly string[]
    readonly pipelines: Readonly<
      Record<string, Record<'receivers' | 'processors' | 'exporters', readonly string[]>>
    >
  }
}

const read = (name: string): string =>
  readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
const yaml = (name: string): unknown => parse(read(name), { strict: true, merge: true })
const configuration = yaml('deploy/otel-collector.yaml') as Configuration
const { services } = yaml('docker-compose.yml') as {
  services: Readonly<
    Record<'example-api' | 'example-api-sampled' | 'jaeger' | 'otel-collector', Service>
  >
}
const { 'otel-collector': collector, 'example-api-sampled': sampled, jaeger } = services
const { protocols } = configuration.receivers.otlp
const { policies } = configuration.processors.tail_sampling
const portOf = (endpoint: string | undefined): string => endpoint?.split(':').at(-1) ?? ''

describe('the profile collector of docker-compose.yml', () => {
  it('is the collector and an API of its own; without it nothing is started that was not before', () => {
    const ofProfile = Object.entries(services).filter(([, { profiles }]) => profiles !== undefined)
    expect(ofProfile.map(([name, { profiles }]) => [name, profiles])).toEqual([
      ['otel-collector', ['collector']],
      ['example-api-sampled', ['collector']],
    ])
  })

  it('has the collector with all components, in one version', () => {
    expect(collector.image).toMatch(/^otel\/opentelemetry-collector-contrib:\d+\.\d+\.\d+$/)
  })

  it('gives the collector its configuration', () => {
    const [source, target] = collector.volumes[0]?.split(':') ?? []
    expect(source).toBe('./deploy/otel-collector.yaml')
    expect(collector.command).toEqual([`--config=${target}`])
  })

  it('starts the API after what it needs, and has it answer for the health of the collector', () => {
    expect(collector.depends_on).toEqual({ jaeger: { condition: 'service_healthy' } })
    expect(sampled.depends_on).toEqual({
      'example-api': { condition: 'service_healthy' },
      'otel-collector': { condition: 'service_started' },
    })
    const port = portOf(configuration.extensions.health_check.endpoint)
    expect(sampled.healthcheck.test.at(-1)).toContain(`'http://otel-collector:${port}'`)
    expect(sampled.healthcheck.test.at(-1)).toContain(
      `'http://127.0.0.1:${sampled.environment.PORT}/health'`,
    )
  })

  it('differs from the other API in its name, its port, its packages and its way to Jaeger alone', () => {
    const { environment, ...direct } = services['example-api']
    const same = ['image', 'working_dir', 'volumes'] as const
    for (const name of same) {
      expect(sampled[name as keyof Service]).toEqual(direct[name as keyof typeof direct])
    }
    expect(sampled.environment).toEqual({
      ...environment,
      SERVICE_NAME: 'example-api-sampled',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://otel-collector:${portOf(protocols.grpc?.endpoint)}`,
      OTEL_TRACES_SAMPLER: 'parentbased_always_on',
    })
  })

  it('opens its ports on the loopback address only, each once, for what listens behind them', () => {
    const published = Object.values(services).flatMap(({ ports }) => ports)
    const outside = published.map((port) => port.split(':').slice(0, -1).join(':'))
    for (const port of outside) expect(port).toMatch(/^127\.0\.0\.1:/)
    expect(new Set(outside).size).toBe(outside.length)
    expect(collector.ports.map(portOf)).toEqual(
      [protocols.grpc, protocols.http].map((protocol) => portOf(protocol?.endpoint)),
    )
    expect(sampled.ports.map(portOf)).toEqual([sampled.environment.PORT])
  })
})

describe('deploy/otel-collector.yaml', () => {
  it('defines every component that it uses, and uses every one that it defines', () => {
    const { extensions, pipelines } = configuration.service
    const used = (kind: 'receivers' | 'processors' | 'exporters'): string[] =>
      [...new Set(Object.values(pipelines).flatMap((pipeline) => pipeline[kind]))].toSorted()
    expect(used('receivers')).toEqual(Object.keys(configuration.receivers).toSorted())
    expect(used('processors')).toEqual(Object.keys(configuration.processors).toSorted())
    expect(used('exporters')).toEqual(Object.keys(configuration.exporters).toSorted())
    expect(extensions).toEqual(Object.keys(configuration.extensions))
  })

  it('limits its memory first, and batches what it has kept', () => {
    expect(configuration.service.pipelines.traces?.processors).toEqual([
      'memory_limiter',
      'tail_sampling',
      'batch',
    ])
  })

  it('takes OTLP over gRPC and HTTP from other containers, and gives it to Jaeger over gRPC', () => {
    expect(protocols).toEqual({
      grpc: { endpoint: '0.0.0.0:4317' },
      http: { endpoint: '0.0.0.0:4318' },
    })
    expect(configuration.exporters).toEqual({
      'otlp_grpc/jaeger': { endpoint: 'jaeger:4317', tls: { insecure: true } },
    })
    expect(jaeger.ports).toContain('127.0.0.1:4317:4317')
  })

  it('keeps errors, what is slow and what has an N+1 pattern, and a share of the rest', () => {
    for (const policy of policies) {
      expect(Object.keys(policy)).toEqual(['name', 'type', policy.type])
    }
    expect(policies).toMatchObject([
      { status_code: { status_codes: ['ERROR'] } },
      { latency: { threshold_ms: 500 } },
      { numeric_attribute: { key: 'db.n_plus_one.findings', min_value: 1 } },
      { probabilistic: { sampling_percentage: 10 } },
    ])
  })

  it('asks for attributes that a span of a request has, with values that tell the one from the other', async () => {
    startTracing()
    const { url, database } = await testDatabase(blog)
    await database.run((session) => {
      session.add([1, 2, 3].map((n) => new Post({ title: 'post', author: user(`user${n}`) })))
    })
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/lazy', async ({ session }) => {
        for (const post of await session.find(Post).toList()) await post.author
        return 'done'
      })
      app.get('/count', ({ session }) => session.find(Post).count())
    })
    expect(await keptFor(served, '/lazy')).toEqual(['n-plus-one'])
    expect(await keptFor(served, '/count')).toEqual([])
  })

  it('is what the documentation says', () => {
    const text = read('docs/telemetry-backends.md')
    const thresholds = policies.flatMap((policy) => [
      ...(policy.latency === undefined ? [] : [`longer than ${policy.latency.threshold_ms} ms`]),
      ...(policy.numeric_attribute === undefined ? [] : [`\`${policy.numeric_attribute.key}\``]),
      ...(policy.probabilistic === undefined
        ? []
        : [`the other ${policy.probabilistic.sampling_percentage} %`]),
    ])
    expect(thresholds).toHaveLength(3)
    for (const threshold of thresholds) expect(text).toContain(threshold)
    expect(text).toContain('docker compose --profile collector up --wait')
  })
})

/** The policies by attributes that would keep the trace of a request. */
async function keptFor(
  served: Awaited<ReturnType<typeof serve>>,
  path: string,
): Promise<readonly string[]> {
  takeSpans()
  await served.fetch(path)
  const spans = takeSpans()
  expect(spans.map(({ name }) => name)).toContain('request')
  return policies.flatMap(({ name, numeric_attribute: wanted }) => {
    if (wanted === undefined) return []
    const values = spans.map(({ attributes }) => Number(attributes[wanted.key]))
    return values.some((value) => value >= wanted.min_value && value <= wanted.max_value)
      ? [name]
      : []
  })
}
