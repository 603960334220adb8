import { describe, expect, it } from 'vitest'
import { noiseOf, ratioTo, throughputRatioTo } from '../../../bench/peers/comparison.ts'
import type { EntrantName } from '../../../bench/peers/names.ts'
import { reportOf, verdictTable } from '../../../bench/peers/report.ts'
import type { Results } from '../../../bench/peers/results.ts'
import { verdictsOf } from '../../../bench/peers/verdicts.ts'
import type { Costs } from '../../../bench/rounds.ts'

const entrants: readonly EntrantName[] = ['pg', 'pg again', 'ours']

/** Each entrant's cost in microseconds, elapsed and CPU alike, round by round. */
function costs(pg: readonly number[], again: readonly number[], ours: readonly number[]): Costs {
  const rounds = (values: readonly number[]) => values.map((each) => ({ wall: each, cpu: each }))
  return new Map([
    ['pg', rounds(pg)],
    ['pg again', rounds(again)],
    ['ours', rounds(ours)],
  ])
}

function results(parts: Partial<Results>): Results {
  return { entrants, direct: new Map(), distant: [], routes: new Map(), ...parts }
}

// The second round is slow for everyone: the ratios do not show it.
const quiet = costs([100, 1000, 100, 100], [100, 1000, 100, 100], [60, 600, 72, 80])

describe('a comparison', () => {
  it('pairs the rounds', () => {
    const ratio = ratioTo(quiet, 'ours', 'cpu')
    expect(ratio.median).toBeCloseTo(0.66)
    expect(ratio.low).toBeCloseTo(0.6)
    expect(ratio.high).toBeCloseTo(0.74)
  })

  it('tells how many requests fit into the time of one of the base', () => {
    expect(throughputRatioTo(costs([100], [100], [50]), 'ours').median).toBe(2)
  })

  it('takes as noise the most that equal programs differ, in either direction', () => {
    const runs = [costs([100], [104], [1]), costs([100], [90], [1]), quiet]
    expect(noiseOf(runs, 'wall')).toBeCloseTo(0.1)
    expect(noiseOf([], 'wall')).toBe(0)
  })

  it('refuses to compare who has not taken part', () => {
    expect(() => ratioTo(quiet, 'kysely', 'cpu')).toThrow('Expected rounds of kysely, got none')
  })
})

describe('the verdicts', () => {
  // The limits of a read by key are 0.70 elapsed and 0.85 of CPU.
  const outcomes = (again: number, ours: number): readonly string[] =>
    verdictsOf(results({ direct: new Map([['key', costs([100], [again], [ours])]]) })).map(
      ({ outcome }) => outcome,
    )

  it('are kept at the limit, and missed above it', () => {
    expect(outcomes(100, 70)).toEqual(['kept', 'kept'])
    expect(outcomes(100, 71)).toEqual(['missed', 'kept'])
    expect(outcomes(100, 86)).toEqual(['missed', 'missed'])
  })

  it('are near where the noise is larger than the miss', () => {
    expect(outcomes(95, 73)).toEqual(['near', 'kept'])
    expect(outcomes(105, 73)).toEqual(['near', 'kept'])
    expect(outcomes(105, 74)).toEqual(['missed', 'kept'])
  })

  it('want more requests per second, and less CPU', () => {
    const of = (ours: number): readonly string[] =>
      verdictsOf(results({ routes: new Map([['http-get', costs([100], [100], [ours])]]) })).map(
        ({ outcome }) => outcome,
      )
    expect(of(60)).toEqual(['kept', 'kept'])
    expect(of(70)).toEqual(['missed', 'kept'])
    expect(of(90)).toEqual(['missed', 'missed'])
  })

  it('judge only the transaction at half a millisecond among those with latency', () => {
    const distant = ([0, 0.5, 1] as const).flatMap((milliseconds) =>
      (['key', 'transaction'] as const).map((workload) => ({
        workload,
        milliseconds,
        costs: costs([100], [100], [50]),
      })),
    )
    expect(verdictsOf(results({ distant }))).toMatchObject([
      { title: 'transaction at 0.5 ms each way, elapsed', outcome: 'missed', limit: 0.45 },
    ])
  })

  it('judge only this package', () => {
    const direct = new Map([['key', quiet]] as const)
    expect(verdictsOf(results({ entrants: ['pg', 'pg again'], direct }))).toEqual([])
  })
})

describe('the report', () => {
  const all = results({
    direct: new Map([['key', quiet]]),
    distant: [{ workload: 'transaction', milliseconds: 0.5, costs: quiet }],
    routes: new Map([['http-get', costs([500], [500], [250])]]),
  })

  it('has a table for each part, as Markdown', () => {
    const lines = reportOf(all).split('\n')
    const cells = (start: string): readonly string[][] =>
      lines
        .filter((line) => line.startsWith(`| ${start}`))
        .map((line) =>
          line
            .split('|')
            .slice(1, -1)
            .map((cell) => cell.trim()),
        )
    expect(cells('get by key')).toEqual([
      ['get by key', '0.100 / 0.100 ms', '1.00 / 1.00', '0.66 / 0.66'],
      ['get by key', '', '1.00–1.00 / 1.00–1.00', '0.60–0.74 / 0.60–0.74'],
    ])
    expect(cells('lock, insert')).toEqual([
      ['lock, insert, update, commit, 0.5 ms each way', '0.100 ms', '1.00', '0.66'],
    ])
    expect(cells('GET')).toEqual([
      ['GET /users/:id', '2000/s / 500 µs', '1.00 / 1.00', '2.00 / 0.50'],
    ])
    expect(lines.filter((line) => line.startsWith('Noise: '))).toHaveLength(3)
  })

  it('says when a machine is too busy', () => {
    const noise = (again: number): string =>
      reportOf(results({ direct: new Map([['key', costs([100], [again], [50])]]) }))
    expect(noise(110)).not.toContain('busy')
    expect(noise(120)).toContain('The machine is busy: run it again when it is not.')
  })

  it('leaves out what was not measured', () => {
    expect(reportOf(results({}))).toBe('')
    expect(verdictTable([])).toBe('')
  })

  it('names the limits, in their direction', () => {
    const table = verdictTable(verdictsOf(all))
    expect(table).toMatch(/get by key, elapsed +\| 0.66 +\| at most 0.70 +\| PASS/)
    expect(table).toMatch(
      /GET \/users\/:id, requests per second +\| 2.00 +\| at least 1.50 +\| PASS/,
    )
    expect(table).toMatch(/0.5 ms each way, elapsed +\| 0.66 +\| at most 0.45 +\| FAIL/)
  })
})
