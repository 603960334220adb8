import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exportTarget } from '../../orm/telemetry/setup/describe-exporter.ts'
import { reportOf } from '../../orm/telemetry/setup/describe-report.ts'

describe('where spans go', () => {
  it('is the default of the preload where nothing is said and no provider is registered: gRPC on 4317', () => {
    expect(exportTarget({}, undefined)).toEqual({
      exporter: 'otlp',
      protocol: 'grpc',
      endpoint: 'http://localhost:4317',
      address: { host: 'localhost', port: 4317 },
    })
  })

  it('is the default of the SDK where a provider is registered: HTTP on 4318', () => {
    expect(exportTarget({}, ['OTLPTraceExporter'])).toMatchObject({
      exporter: 'otlp',
      protocol: 'http/protobuf',
      endpoint: 'http://localhost:4318',
    })
  })

  it.each([
    ['http://collector:4317', 'grpc', 'http://collector:4317', 'collector', 4317],
    ['http://collector:4318', 'http/protobuf', 'http://collector:4318', 'collector', 4318],
    [
      'https://otlp.example.com/otlp',
      'http/protobuf',
      'https://otlp.example.com/otlp',
      'otlp.example.com',
      443,
    ],
    ['http://collector', 'grpc', 'http://collector', 'collector', 443],
    ['collector:4317', 'grpc', 'https://collector:4317', 'collector', 4317],
    ['http://[::1]:4317', 'grpc', 'http://[::1]:4317', '::1', 4317],
  ])('is what OTEL_EXPORTER_OTLP_ENDPOINT names: %s', (named, protocol, endpoint, host, port) => {
    expect(exportTarget({ OTEL_EXPORTER_OTLP_ENDPOINT: named }, undefined)).toEqual({
      exporter: 'otlp',
      variable: 'OTEL_EXPORTER_OTLP_ENDPOINT',
      protocol,
      endpoint,
      address: { host, port },
    })
  })

  it('is what the variables of the traces name, before those of all signals', () => {
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all:4317',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'traces:4318/v1/traces',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_INSECURE: 'true',
    }
    expect(exportTarget(environment, undefined)).toEqual({
      exporter: 'otlp',
      variable: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
      protocol: 'http/json',
      endpoint: 'http://traces:4318/v1/traces',
      address: { host: 'traces', port: 4318 },
    })
  })

  it('is no endpoint where the exporter is another one, by the environment or in code', () => {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317' }
    expect(exportTarget({ ...environment, OTEL_TRACES_EXPORTER: 'console' }, undefined)).toEqual({
      exporter: 'console',
    })
    expect(exportTarget(environment, ['ConsoleSpanExporter', 'Own'])).toEqual({
      exporter: 'console,Own',
    })
    expect(exportTarget({ OTEL_TRACES_EXPORTER: 'console,otlp' }, undefined)).toMatchObject({
      exporter: 'console,otlp',
      endpoint: 'http://localhost:4317',
    })
  })

  it('is what the environment says where a provider does not tell its exporters', () => {
    expect(exportTarget({ OTEL_TRACES_EXPORTER: 'none' }, 'untold')).toEqual({ exporter: 'none' })
    expect(exportTarget({}, 'untold')).toMatchObject({ exporter: 'otlp' })
  })

  it('says which variable is no URL, and nothing of its value', () => {
    expect(exportTarget({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://' }, undefined)).toEqual({
      exporter: 'otlp',
      protocol: 'grpc',
      misnamed: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    })
  })

  it('has no address for what is no host: a socket of the file system', () => {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: 'unix:///run/collector.sock' }
    expect(exportTarget(environment, undefined).address).toBeUndefined()
  })

  it('never tells the user, the password or the query of an endpoint', () => {
    const secret = fc.stringMatching(/^[a-z0-9]{12,20}$/)
    fc.assert(
      fc.property(
        secret,
        secret,
        secret,
        fc.constantFrom('http://', 'https://', ''),
        (user, password, key, scheme) => {
          const endpoint = `${scheme}${user}:${password}@collector:4318/v1?key=${key}#${key}`
          const told = JSON.stringify(
            exportTarget({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }, undefined),
          )
          for (const each of [user, password, key]) expect(told).not.toContain(each)
        },
      ),
    )
  })
})

describe('the report as text', () => {
  const nothing = {
    provider: undefined,
    sampler: undefined,
    exporter: undefined,
    endpoint: undefined,
    protocol: undefined,
  }

  it('says first whether there is a problem, then which, then what was found', () => {
    const problems = [{ code: 'disabled', message: 'it is off: switch it on' }] as const
    expect(String(reportOf({ ...nothing, problems }))).toBe(
      [
        'traces: not exported, for 1 reason',
        '  disabled: it is off: switch it on',
        'provider: none',
        'sampler: unknown',
        'exporter: unknown',
      ].join('\n'),
    )
    const found = {
      problems: [],
      provider: 'TracerProvider',
      sampler: 'AlwaysOnSampler',
      exporter: 'otlp',
      endpoint: 'http://localhost:4317',
      protocol: 'grpc',
    }
    expect(String(reportOf(found))).toBe(
      [
        'traces: no problem was found',
        'provider: TracerProvider',
        'sampler: AlwaysOnSampler',
        'exporter: otlp, grpc to http://localhost:4317',
      ].join('\n'),
    )
  })
})
