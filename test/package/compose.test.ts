import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

interface Service {
  readonly image: string
  readonly environment: Readonly<Record<string, string>>
  readonly ports: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly profiles?: readonly string[]
  readonly healthcheck: { readonly test: readonly string[] }
}

const root = new URL('../../', import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, root), 'utf8')

const file = parse(read('docker-compose.yml'), { strict: true, merge: true }) as {
  services: Readonly<Record<'postgres' | 'jaeger' | 'example-api', Service>>
}
/** Those that start without a profile; test/docs/collector.test.ts has the others. */
const services = Object.fromEntries(
  Object.entries(file.services).filter(([, { profiles }]) => profiles === undefined),
) as typeof file.services

describe('docker-compose.yml', () => {
  it('has PostgreSQL, Jaeger 2 and the example, each with a pinned tag and a health check', () => {
    expect(Object.keys(services)).toEqual(['postgres', 'jaeger', 'example-api'])
    for (const { image, healthcheck } of Object.values(services)) {
      expect(image).toMatch(/:\d+\.\d+/)
      expect(healthcheck.test[0]).toBe('CMD')
    }
    expect(services.jaeger.image).toMatch(/jaegertracing\/jaeger:2\./)
  })

  it('starts the example when the others are healthy, and sends its traces to Jaeger by OTLP', () => {
    expect(services['example-api'].depends_on).toEqual({
      postgres: { condition: 'service_healthy' },
      jaeger: { condition: 'service_healthy' },
    })
    expect(services['example-api'].environment).toMatchObject({
      DATABASE_URL: expect.stringContaining('@postgres:5432/'),
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://jaeger:4317',
    })
    expect(services.jaeger.ports.join()).toContain('4317:4317')
  })

  it('opens its ports on the loopback address only', () => {
    for (const { ports } of Object.values(services)) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
    }
  })

  it('runs the example with the Node that the package is developed with', () => {
    const { devDependencies } = JSON.parse(read('package.json')) as {
      devDependencies: Readonly<Record<string, string>>
    }
    expect(services['example-api'].image).toContain(`node:${devDependencies['node']}-`)
  })
})

describe('.env.example', () => {
  const names = read('.env.example')
    .split('\n')
    .flatMap((line) => /^#? ?([A-Z][A-Z_]+)=/.exec(line)?.[1] ?? [])

  it('has the variables of the telemetry', () => {
    expect(names).toEqual(
      expect.arrayContaining([
        'SERVICE_NAME',
        'SERVICE_VERSION',
        'DEPLOYMENT_ENVIRONMENT',
        'OTEL_EXPORTER_OTLP_ENDPOINT',
        'OTEL_EXPORTER_OTLP_INSECURE',
        'OTEL_EXPORTER_OTLP_HEADERS',
        'DATA_BRIDGE_TRACING_ENABLED',
        'OTEL_TRACES_SAMPLER',
        'OTEL_TRACES_SAMPLER_ARG',
      ]),
    )
  })

  it('has every variable that the compose file takes from it', () => {
    const taken = [...read('docker-compose.yml').matchAll(/\$\{([A-Z_]+)/g)].map(
      (match) => match[1],
    )
    expect(names).toEqual(expect.arrayContaining(taken))
  })
})
