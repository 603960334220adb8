import { describe, expect, it } from 'vitest'
import type { Environment } from '../../orm/telemetry/setup/endpoint.ts'
import { sdkEnvironment } from '../../orm/telemetry/setup/environment.ts'
import type { TelemetryOptions } from '../../orm/telemetry/setup/options.ts'

function changesOf(environment: Environment, options?: TelemetryOptions): Environment {
  const { changes, warnings } = sdkEnvironment(environment, options)
  expect(warnings).toEqual([])
  return changes
}

function attributesOf(environment: Environment, options?: TelemetryOptions): string[] {
  return changesOf(environment, options).OTEL_RESOURCE_ATTRIBUTES?.split(',') ?? []
}

describe('the environment of the SDK', () => {
  it('speaks gRPC, and exports neither metrics nor logs, where nothing is said', () => {
    expect(changesOf({})).toEqual({
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    })
  })

  it.each([
    ['http://localhost:4317', 'grpc'],
    ['https://collector.example.com', 'grpc'],
    ['localhost:4317', 'grpc'],
    ['unix:///var/run/collector.sock', 'grpc'],
    ['http://localhost:4318', 'http/protobuf'],
    ['localhost:4318', 'http/protobuf'],
    ['https://gateway.example.com/otlp', 'http/protobuf'],
  ])('chooses the protocol of %s by its port and path: %s', (endpoint, protocol) => {
    expect(changesOf({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).toMatchObject({
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    })
  })

  it('gives an endpoint over HTTP the scheme that it lacks, as OTEL_EXPORTER_OTLP_INSECURE says', () => {
    const endpoint = 'collector:4318'
    expect(changesOf({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).toMatchObject({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector:4318',
    })
    const insecure = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_INSECURE: 'true' }
    expect(changesOf(insecure)).toMatchObject({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
    })
    expect(changesOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' })).not.toHaveProperty(
      'OTEL_EXPORTER_OTLP_ENDPOINT',
    )
  })

  it('changes nothing that is set', () => {
    const set = {
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_LOGS_EXPORTER: 'console',
      OTEL_SERVICE_NAME: 'mine',
      SERVICE_NAME: 'other',
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.1',
    }
    expect(changesOf(set)).toEqual({})
  })

  it.each(['', 'TRACES_', 'METRICS_', 'LOGS_'])(
    'joins OTEL_EXPORTER_OTLP_%sHEADERS that base64 has wrapped over lines',
    (signal) => {
      const name = `OTEL_EXPORTER_OTLP_${signal}HEADERS`
      expect(changesOf({ [name]: 'k=QU\r\nI=\n' })).toMatchObject({ [name]: 'k=QUI=' })
    },
  )

  it('takes every trace where a sampler by ratio has none', () => {
    for (const sampler of ['traceidratio', 'parentbased_traceidratio']) {
      const expected = { OTEL_TRACES_SAMPLER_ARG: '1' }
      expect(changesOf({ OTEL_TRACES_SAMPLER: sampler })).toMatchObject(expected)
      const empty = { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: '' }
      expect(changesOf(empty)).toMatchObject(expected)
    }
    const always = { OTEL_TRACES_SAMPLER: 'always_on' }
    expect(changesOf(always)).not.toHaveProperty('OTEL_TRACES_SAMPLER_ARG')
  })
})

describe('the service', () => {
  it('is named by the variables that the SDK does not read, where nothing better is set', () => {
    const datadog = { DD_SERVICE: 'dd', DD_VERSION: '3.0.0', DD_ENV: 'dd-env' }
    expect(changesOf(datadog)).toMatchObject({
      OTEL_SERVICE_NAME: 'dd',
      OTEL_RESOURCE_ATTRIBUTES:
        'service.version=3.0.0,deployment.environment.name=dd-env,deployment.environment=dd-env',
    })
    const plain = { SERVICE_NAME: 'my-api', SERVICE_VERSION: '1.0.0', ENVIRONMENT: 'a b,c' }
    expect(changesOf({ ...datadog, ...plain })).toMatchObject({
      OTEL_SERVICE_NAME: 'my-api',
      OTEL_RESOURCE_ATTRIBUTES:
        'service.version=1.0.0,deployment.environment.name=a%20b%2Cc,deployment.environment=a%20b%2Cc',
    })
    const best = { OTEL_SERVICE_NAME: 'own', OTEL_SERVICE_VERSION: '2.0.0' }
    const all = { ...datadog, ...plain, ...best, DEPLOYMENT_ENVIRONMENT: 'production' }
    expect(changesOf(all)).not.toHaveProperty('OTEL_SERVICE_NAME')
    expect(attributesOf(all)).toEqual([
      'service.version=2.0.0',
      'deployment.environment.name=production',
      'deployment.environment=production',
    ])
  })

  it('keeps what OTEL_RESOURCE_ATTRIBUTES says', () => {
    const others = { SERVICE_NAME: 'x', SERVICE_VERSION: 'x', ENVIRONMENT: 'x' }
    for (const name of ['deployment.environment', 'deployment.environment.name']) {
      const set = `team=core, service.name=mine,service.version=1,${name}=production`
      const changes = changesOf({ ...others, OTEL_RESOURCE_ATTRIBUTES: set })
      expect(changes).not.toHaveProperty('OTEL_SERVICE_NAME')
      expect(changes).not.toHaveProperty('OTEL_RESOURCE_ATTRIBUTES')
    }
    expect(attributesOf({ ...others, OTEL_RESOURCE_ATTRIBUTES: 'team=core' })).toEqual([
      'team=core',
      'service.version=x',
      'deployment.environment.name=x',
      'deployment.environment=x',
    ])
  })
})

describe('options', () => {
  it('become the variables of the SDK', () => {
    const options: TelemetryOptions = {
      serviceName: 'my-api',
      serviceVersion: '1.0.0',
      environment: 'production',
      endpoint: 'collector:4318',
      protocol: 'http/json',
      headers: { Authorization: 'Basic YTpi=', 'x-list': 'a,b;c' },
      insecure: true,
      exporter: 'otlp',
      sampleRatio: 0.1,
      batch: { scheduleDelayMs: 1000, maxExportBatchSize: 64, maxQueueSize: 128 },
      metrics: true,
    }
    const defined = Object.entries(changesOf({}, options)).filter(
      ([, value]) => value !== undefined,
    )
    expect(Object.fromEntries(defined)).toEqual({
      OTEL_SERVICE_NAME: 'my-api',
      OTEL_RESOURCE_ATTRIBUTES:
        'service.version=1.0.0,deployment.environment.name=production,deployment.environment=production',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic%20YTpi%3D,x-list=a%2Cb%3Bc',
      OTEL_EXPORTER_OTLP_INSECURE: 'true',
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.1',
      OTEL_BSP_SCHEDULE_DELAY: '1000',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '64',
      OTEL_BSP_MAX_QUEUE_SIZE: '128',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_LOGS_EXPORTER: 'none',
    })
  })

  it('win over the environment, and over variables for traces alone', () => {
    const environment = {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://other:4318/v1/traces',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'no-protocol',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'api-key=other',
      OTEL_SERVICE_NAME: 'other',
      OTEL_RESOURCE_ATTRIBUTES: 'service.version=0,deployment.environment=other,team=core',
      OTEL_TRACES_SAMPLER: 'no-sampler',
      OTEL_METRICS_EXPORTER: 'otlp',
    }
    const changes = changesOf(environment, {
      endpoint: 'http://localhost:4317',
      protocol: 'grpc',
      headers: { 'api-key': 'mine' },
      serviceName: 'mine',
      serviceVersion: '1',
      environment: 'production',
      sampleRatio: 1,
      metrics: false,
    })
    expect(changes).toMatchObject({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4317',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: undefined,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: undefined,
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=mine',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: undefined,
      OTEL_SERVICE_NAME: 'mine',
      OTEL_RESOURCE_ATTRIBUTES:
        'team=core,service.version=1,deployment.environment.name=production,deployment.environment=production',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '1',
      OTEL_METRICS_EXPORTER: 'none',
    })
  })

  it('leave the exporter of metrics to the environment where it names one', () => {
    const environment = { OTEL_METRICS_EXPORTER: 'prometheus' }
    expect(changesOf(environment, { metrics: true })).not.toHaveProperty('OTEL_METRICS_EXPORTER')
    expect(changesOf({}, { metrics: true, exporter: 'console' })).toMatchObject({
      OTEL_METRICS_EXPORTER: 'console',
    })
  })
})

describe('a variable that the SDK cannot use', () => {
  it.each<[string, Environment, Environment, string]>([
    ...['10%', '1.5', '-1', 'NaN'].map((ratio): [string, Environment, Environment, string] => [
      `ratio ${ratio}`,
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: ratio },
      { OTEL_TRACES_SAMPLER_ARG: '1' },
      `OTEL_TRACES_SAMPLER_ARG is ignored: expected a number from 0 to 1, got the string "${ratio}"`,
    ]),
    [
      'protocol',
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'http', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' },
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
      'OTEL_EXPORTER_OTLP_PROTOCOL is ignored: expected one of grpc, http/protobuf, http/json, ' +
        'got the string "http"',
    ],
    [
      'endpoint',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:secret@localhost:99999' },
      { OTEL_EXPORTER_OTLP_ENDPOINT: undefined, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'OTEL_EXPORTER_OTLP_ENDPOINT is ignored: expected an address such as http://localhost:4317, ' +
        'got the string "http://user:***@localhost:99999"',
    ],
    [
      'scheme of an endpoint',
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'htp://collector:4318' },
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: undefined },
      'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is ignored: expected an address such as ' +
        'http://localhost:4317, got the string "htp://collector:4318"',
    ],
  ])('is replaced by the default, with a warning: the %s', (_, environment, expected, message) => {
    const { changes, warnings } = sdkEnvironment(environment)
    expect(warnings).toEqual([message])
    expect(changes).toMatchObject(expected)
  })

  it.each([
    ['api-key=s3cret,Authorization: Basic s3cret==', 2, 'api-key=s3cret'],
    ['Authorization: Basic s3cret', 1, undefined],
    ['api key=s3cret', 1, undefined],
    ['api-key=s3cret\u00fc', 1, undefined],
    ['api-key=s3cret%', 1, undefined],
    ['=s3cret,a!b=s3cret,a-bin=s3cret,c=s3\tcret,d=', '1, 2, 3, 4, 5', undefined],
  ])('is not shown, since it may be a secret: the headers %j', (headers, positions, left) => {
    const { changes, warnings } = sdkEnvironment({ OTEL_EXPORTER_OTLP_HEADERS: headers })
    expect(warnings).toEqual([
      `OTEL_EXPORTER_OTLP_HEADERS is ignored at position ${positions}: ` +
        'expected headers such as api-key=your-key, in printable ASCII and separated by commas',
    ])
    expect(changes).toMatchObject({ OTEL_EXPORTER_OTLP_HEADERS: left })
  })

  it('is found for each signal', () => {
    const broken = { OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'api key=x' }
    expect(sdkEnvironment(broken)).toMatchObject({
      changes: { OTEL_EXPORTER_OTLP_METRICS_HEADERS: undefined },
      warnings: [expect.stringContaining('OTEL_EXPORTER_OTLP_METRICS_HEADERS is ignored')],
    })
  })

  it('is not one with nothing in it, nor headers that are percent-encoded', () => {
    const usable = {
      OTEL_TRACES_SAMPLER: '',
      OTEL_EXPORTER_OTLP_ENDPOINT: ' ',
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic%20YTpi%3D, api-key=a b=,',
    }
    expect(sdkEnvironment(usable).warnings).toEqual([])
  })
})
