import { describe, expect, it } from 'vitest'
import { sdkEnvironment } from '../../plugin/sdk-environment.ts'

describe('the environment of the SDK', () => {
  it('speaks gRPC, and exports neither metrics nor logs, where nothing is said', () => {
    expect(sdkEnvironment({})).toEqual({
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    })
  })

  it.each([
    ['http://localhost:4317', 'grpc'],
    ['https://collector.example.com', 'grpc'],
    ['localhost:4317', 'grpc'],
    ['http://localhost:4318', 'http/protobuf'],
    ['localhost:4318', 'http/protobuf'],
    ['https://gateway.example.com/otlp', 'http/protobuf'],
  ])('chooses the protocol of %s by its port and path: %s', (endpoint, protocol) => {
    expect(sdkEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).toMatchObject({
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    })
  })

  it('gives an endpoint over HTTP the scheme that it lacks, as OTEL_EXPORTER_OTLP_INSECURE says', () => {
    const endpoint = 'collector:4318'
    expect(sdkEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).toMatchObject({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector:4318',
    })
    const insecure = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_INSECURE: 'true' }
    expect(sdkEnvironment(insecure)).toMatchObject({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
    })
    expect(sdkEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' })).not.toHaveProperty(
      'OTEL_EXPORTER_OTLP_ENDPOINT',
    )
  })

  it('leaves the name of the service to OTEL_RESOURCE_ATTRIBUTES where it has one', () => {
    const environment = {
      SERVICE_NAME: 'other',
      OTEL_RESOURCE_ATTRIBUTES: 'a=b, service.name=mine',
    }
    expect(sdkEnvironment(environment)).not.toHaveProperty('OTEL_SERVICE_NAME')
  })

  it('changes nothing that is set', () => {
    const set = {
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_LOGS_EXPORTER: 'console',
      OTEL_SERVICE_NAME: 'mine',
      SERVICE_NAME: 'other',
    }
    expect(sdkEnvironment(set)).toEqual({})
  })

  it('passes on what the SDK does not read, where nothing better is set', () => {
    expect(
      sdkEnvironment({
        SERVICE_NAME: 'my-api',
        OTEL_SERVICE_VERSION: '2.0.0',
        SERVICE_VERSION: '1.0.0',
        DEPLOYMENT_ENVIRONMENT: 'a b,c',
        OTEL_RESOURCE_ATTRIBUTES: 'team=core',
      }),
    ).toMatchObject({
      OTEL_SERVICE_NAME: 'my-api',
      OTEL_RESOURCE_ATTRIBUTES:
        'team=core,service.version=2.0.0,deployment.environment.name=a%20b%2Cc',
    })
    expect(
      sdkEnvironment({
        ENVIRONMENT: 'x',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=y',
      }),
    ).toMatchObject({ OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=y' })
  })
})
