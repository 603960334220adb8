import { describe, expect, it } from 'vitest'
import { requireTelemetryOptions } from '../../orm/telemetry/setup/options.ts'

describe('the options of configureTelemetry', () => {
  it.each<[unknown, string]>([
    [
      'http://localhost',
      'configureTelemetry(…) expected an object of options, got the string "http://localhost"',
    ],
    [null, 'configureTelemetry(…) expected an object of options, got null'],
    [
      { service: 'x' },
      'configureTelemetry(…) has no option service; it has serviceName, serviceVersion, environment, endpoint,',
    ],
    [{ serviceName: ' ' }, 'serviceName expected text, got the string " "'],
    [{ serviceVersion: 1 }, 'serviceVersion expected text, got the number 1'],
    [{ environment: '' }, 'environment expected text, got the string ""'],
    [
      { endpoint: 'http://' },
      'endpoint expected an address such as http://localhost:4317, got the string "http://"',
    ],
    [
      { endpoint: 4317 },
      'endpoint expected an address such as http://localhost:4317, got the number 4317',
    ],
    [
      { protocol: 'http' },
      "protocol expected one of 'grpc', 'http/protobuf', 'http/json', got the string \"http\"",
    ],
    [{ headers: 'a=b' }, 'headers expected an object of names and values, got the string "a=b"'],
    [
      { headers: { 'api key': 'x' } },
      'headers expected names of HTTP headers, got the string "api key"',
    ],
    [
      { headers: { 'api-key': 1 } },
      'headers.api-key expected printable ASCII text, got the number 1',
    ],
    [{ insecure: 'true' }, 'insecure expected true or false, got the string "true"'],
    [
      { exporter: 'jaeger' },
      "exporter expected one of 'otlp', 'console', 'none', got the string \"jaeger\"",
    ],
    [{ sampleRatio: 10 }, 'sampleRatio expected a number from 0 to 1, got the number 10'],
    [{ sampleRatio: Number.NaN }, 'sampleRatio expected a number from 0 to 1, got the number NaN'],
    [{ metrics: 1 }, 'metrics expected true or false, got the number 1'],
    [{ batch: 512 }, 'batch expected an object of options, got the number 512'],
    [
      { batch: { size: 1 } },
      'batch has no option size; it has scheduleDelayMs, maxExportBatchSize and maxQueueSize',
    ],
    [
      { batch: { scheduleDelayMs: 0 } },
      'batch.scheduleDelayMs expected a whole number above 0, got the number 0',
    ],
    [
      { batch: { maxExportBatchSize: 20, maxQueueSize: 10 } },
      'batch.maxExportBatchSize expected at most maxQueueSize, 10, got the number 20',
    ],
  ])('are refused where they are not usable: %o', (options, message) => {
    expect(() => requireTelemetryOptions(options)).toThrow(
      expect.objectContaining({
        code: 'DATA_BRIDGE_ERR_OPTION',
        message: expect.stringContaining(message),
      }),
    )
  })

  it('are told of without the value of a header, and without a password', () => {
    const secret = { headers: { authorization: 'Basic s3cret\n' } }
    expect(() => requireTelemetryOptions(secret)).toThrow(
      /^headers\.authorization expected printable ASCII text, got other text$/,
    )
    for (const password of ['s3cret', 's3/c@ret']) {
      const endpoint = { endpoint: `http://user:${password}@localhost:99999` }
      expect(() => requireTelemetryOptions(endpoint)).toThrow('http://user:***@localhost:99999')
    }
  })

  it('may be left out, and be undefined', () => {
    expect(requireTelemetryOptions({ serviceName: undefined, batch: undefined })).toEqual({})
    expect(requireTelemetryOptions({ sampleRatio: 0, endpoint: 'collector:4317' })).toEqual({
      sampleRatio: 0,
      endpoint: 'collector:4317',
    })
  })
})
