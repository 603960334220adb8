import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  createAlwaysRecordSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { describe, expect, it } from 'vitest'
import { isNeverSampled, samplerOf } from '../../orm/telemetry/setup/describe-sampler.ts'

const on = new AlwaysOnSampler()
const off = new AlwaysOffSampler()
const none = new TraceIdRatioBasedSampler(0)
const quarter = new TraceIdRatioBasedSampler(0.25)
const record = createAlwaysRecordSampler

describe('the sampler of a provider', () => {
  it.each<[Sampler, string, boolean]>([
    [on, 'AlwaysOnSampler', false],
    [off, 'AlwaysOffSampler', true],
    [quarter, 'TraceIdRatioBased{0.25}', false],
    [new TraceIdRatioBasedSampler(1e-9), 'TraceIdRatioBased{1e-9}', false],
    [none, 'TraceIdRatioBased{0}', true],
    [
      new ParentBasedSampler({ root: quarter }),
      'ParentBased{root=TraceIdRatioBased{0.25}, ',
      false,
    ],
    [new ParentBasedSampler({ root: none }), 'ParentBased{root=TraceIdRatioBased{0}, ', true],
    [new ParentBasedSampler({ root: off }), 'ParentBased{root=AlwaysOffSampler, ', true],
    [
      new ParentBasedSampler({ root: on, remoteParentSampled: off, localParentSampled: none }),
      'ParentBased{root=AlwaysOnSampler, remoteParentSampled=AlwaysOffSampler, ',
      false,
    ],
    [record(off), 'AlwaysRecordSampler{AlwaysOffSampler}', true],
    [record(on), 'AlwaysRecordSampler{AlwaysOnSampler}', false],
    [
      new ParentBasedSampler({ root: record(off) }),
      'ParentBased{root=AlwaysRecordSampler{AlwaysOffSampler}, ',
      true,
    ],
  ])('is told by its string: %s', (sampler, text, isNever) => {
    const found = samplerOf(new TracerProvider({ sampler }))
    expect(found?.startsWith(text)).toBe(true)
    expect(isNeverSampled(found)).toBe(isNever)
  })

  it.each([undefined, 'AlwaysOffSamplerBut{rate=1}', 'Own{AlwaysOffSampler}', ''])(
    'is not said to take nothing where its string does not say so: %s',
    (text) => expect(isNeverSampled(text)).toBe(false),
  )

  it('is unknown where the provider does not tell', () => {
    expect(samplerOf({ getTracer: () => expect.fail() })).toBeUndefined()
  })
})
