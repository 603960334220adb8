import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Cost, Costs } from '../../bench/rounds.ts'
import { sdkEnvironment } from '../../bench/telemetry/sdk.ts'
import { off } from '../../bench/telemetry/variants.ts'
import { noiseOf, verdicts } from '../../bench/telemetry/verdicts.ts'
import { replaced } from '../../bench/telemetry/without-telemetry.ts'
import type { RoundRequest, WorkerArgument } from '../../bench/telemetry/worker.ts'
import { WorkerProcess } from '../../bench/worker-process.ts'

const source = readFileSync(resolve(import.meta.dirname, '../../orm/database.ts'), 'utf8')
const sessions = readFileSync(resolve(import.meta.dirname, '../../orm/sessions.ts'), 'utf8')

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
  driver: [14.7, 16, 14.9],
  'by hand': [13.5, 14.4, 13.5],
  count: [10.1, 11.05, 10.05],
}
const loop = {
  empty: [0.3, 0.4, 0.3],
  library: [3.3, 4, 3.6],
  query: [0.5, 0.6, 0.5],
  driver: [4.5, 5.6, 4.9],
}

describe('the verdicts on the cost of telemetry', () => {
  const kept = (paths: object, loops: object): readonly boolean[] =>
    verdicts(costs({ ...path, ...paths }), costs({ ...loop, ...loops })).map((each) => each.isKept)

  it('say that each promise is kept', () => {
    expect(kept({}, {})).toEqual([true, true, true, true, true, true])
  })

  it('refuse an off that lies outside of what two equal builds differ by', () => {
    expect(kept({ off: [10.9, 11.9, 10.9], unsampled: [10.9, 11.9, 10.9] }, {})).toEqual([
      false,
      true,
      true,
      true,
      true,
      true,
    ])
  })

  it('refuse a request that is not sampled and costs more than a twentieth of off', () => {
    expect(kept({ unsampled: [10.8, 11.7, 10.7] }, {})).toEqual([
      true,
      false,
      true,
      true,
      true,
      true,
    ])
  })

  it('refuse a span that costs more than four microseconds', () => {
    expect(kept({}, { library: [4.4, 5, 4.6] })).toEqual([true, true, false, true, true, true])
  })

  it('refuse a span that costs more than that of instrumentation-pg within the query', () => {
    expect(kept({ 'sampled queries': [15.2, 16, 15.3] }, {})).toEqual([
      true,
      true,
      true,
      false,
      true,
      true,
    ])
  })

  it('refuse a query whose span costs a sixth more than one with the same span by hand', () => {
    expect(kept({ 'by hand': [12, 12.9, 12.1] }, {})).toEqual([true, true, true, true, false, true])
  })

  it('refuse a detector that costs more than what two equal builds differ by', () => {
    expect(kept({ count: [10.5, 11.5, 10.5] }, {})).toEqual([true, true, true, true, true, false])
  })

  it('cannot refuse what equal builds differ by, and say so', () => {
    const busy = { without: [10, 11, 12], 'without, again': [11, 12, 10] }
    const dear = { ...busy, unsampled: [10.8, 11.7, 10.7] }
    const dearLoop = { library: [4.4, 5, 4.6] }
    expect(kept(dear, dearLoop)).toEqual([true, true, true, true, true, true])
    const told = verdicts(costs({ ...path, ...dear }), costs({ ...loop, ...dearLoop })).map(
      ({ found }) => found,
    )
    expect(told.slice(1, 3)).toEqual([
      expect.stringMatching(/; \+\d+\.\d % allowed, because equal builds differ$/),
      expect.stringMatching(/; \+\d+\.\d % allowed, because equal builds differ$/),
    ])
    expect(noiseOf(costs({ ...path, ...busy }))).toHaveLength(1)
    expect(kept(busy, { library: [5.4, 6, 5.6] })).toEqual([true, true, false, true, true, true])
  })

  describe('on a machine that is slower than that of the limit', () => {
    const slower = (values: readonly number[]): readonly number[] => values.map((each) => each * 4)
    const slow = (of: object) =>
      Object.fromEntries(Object.entries(of).map(([name, values]) => [name, slower(values)]))

    it('are the same, though no span costs four microseconds', () => {
      expect(kept(slow(path), slow(loop))).toEqual([true, true, true, true, true, true])
    })

    it('refuse a span that costs more than five sixths of that of instrumentation-pg', () => {
      const dear = slow({ ...loop, library: [3.8, 4.8, 4.1] })
      expect(kept(slow(path), dear)).toEqual([true, true, false, true, true, true])
    })

    it('are not misled by a round that was slow for one of the two', () => {
      const disturbed = slow({ ...loop, library: [3.3, 40, 3.6] })
      expect(kept(slow(path), disturbed)).toEqual([true, true, true, true, true, true])
    })

    it('say which yardstick it was, and what the span costs here', () => {
      const [, , verdict] = verdicts(costs(slow(path)), costs(slow(loop)))
      expect(verdict?.promise).toContain('at most 0.83 of that of instrumentation-pg (4 of 4.8 µs;')
      expect(verdict?.promise).toContain('16.00 on this machine')
      expect(verdict?.found).toMatch(/^0\.75, 12\.00 µs in the best rounds/)
    })
  })
})

describe('the noise of a machine', () => {
  it('is told of where equal builds differ by more than the verdicts allow', () => {
    expect(noiseOf(costs(path))).toEqual([])
    expect(noiseOf(costs({ ...path, without: [10, 12, 14] }))).toHaveLength(1)
  })
})

describe('a client that answers at once', () => {
  it('serves the library as PostgreSQL does', async () => {
    const argument: WorkerArgument = {
      variant: off,
      orm: resolve(import.meta.dirname, '../../orm'),
    }
    await using worker = new WorkerProcess<RoundRequest, Cost>(
      resolve(import.meta.dirname, '../../bench/telemetry/worker.ts'),
      argument,
      sdkEnvironment(off.isSampled),
    )
    const { cpu, wall } = await worker.ask({ sessions: 3 })
    expect([cpu > 0, wall > 0]).toEqual([true, true])
  })
})

describe('the library without telemetry', () => {
  it('is made of the source as it is now', () => {
    const text = replaced(source, 'database.ts') + replaced(sessions, 'sessions.ts')
    expect(text).not.toMatch(/^import (?!type ).*telemetry\//m)
    expect(text).not.toMatch(/new Telemetry\(|telemetry\.observers\(/)
  })

  it('is refused where the source says something else', () => {
    expect(() => replaced(source.replaceAll('wantedApi', 'otherApi'), 'database.ts')).toThrow(
      'Expected this text once in orm/database.ts, found it 0 times',
    )
  })
})
