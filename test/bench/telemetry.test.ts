import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Costs } from '../../bench/rounds.ts'
import { noiseOf, verdicts } from '../../bench/telemetry/verdicts.ts'
import { replaced } from '../../bench/telemetry/without-telemetry.ts'

const source = readFileSync(resolve(import.meta.dirname, '../../orm/database.ts'), 'utf8')

function costs(cpu: Readonly<Record<string, readonly number[]>>): Costs {
  const rounds = Object.entries(cpu).map(
    ([name, values]) => [name, values.map((each) => ({ cpu: each, wall: each }))] as const,
  )
  return new Map(rounds)
}

const path = {
  without: [10, 11, 10],
  'without, again': [10.2, 10.8, 10.1],
  off: [10.1, 11, 10],
  unsampled: [10.3, 11.2, 10.2],
  'sampled queries': [14, 15, 14],
}
const loop = { empty: [0.3, 0.4, 0.3], library: [3.3, 4, 3.6] }

describe('the verdicts on the cost of telemetry', () => {
  const kept = (paths: object, loops: object): readonly boolean[] =>
    verdicts(costs({ ...path, ...paths }), costs({ ...loop, ...loops })).map((each) => each.isKept)

  it('say that each promise is kept', () => {
    expect(kept({}, {})).toEqual([true, true, true])
  })

  it('refuse an off that lies outside of what two equal builds differ by', () => {
    expect(kept({ off: [10.9, 11.9, 10.9], unsampled: [10.9, 11.9, 10.9] }, {})).toEqual([
      false,
      true,
      true,
    ])
  })

  it('refuse a request that is not sampled and costs more than a twentieth of off', () => {
    expect(kept({ unsampled: [10.8, 11.7, 10.7] }, {})).toEqual([true, false, true])
  })

  it('refuse a span that costs more than four microseconds', () => {
    expect(kept({ 'sampled queries': [14.2, 15, 14.3] }, {})).toEqual([true, true, false])
  })
})

describe('the noise of a machine', () => {
  it('is told of where equal builds differ by more than the verdicts allow', () => {
    expect(noiseOf(costs(path))).toEqual([])
    expect(noiseOf(costs({ ...path, without: [10, 12, 14] }))).toHaveLength(1)
  })
})

describe('the library without telemetry', () => {
  it('is made of the source as it is now', () => {
    const text = replaced(source)
    expect(text).not.toMatch(/^import (?!type ).*telemetry\//m)
    expect(text).not.toContain('new Telemetry(')
  })

  it('is refused where the source says something else', () => {
    expect(() => replaced(source.replaceAll('wantedApi', 'otherApi'))).toThrow(
      'expected this text once; it is there 0 times',
    )
  })
})
