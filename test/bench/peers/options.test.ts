import { describe, expect, it } from 'vitest'
import { UsageError } from '../../../bench/benchmark.ts'
import { peerNames } from '../../../bench/peers/names.ts'
import { peerOf, peersOptions } from '../../../bench/peers/options.ts'

const refused = (...given: readonly string[]): string => {
  try {
    peersOptions(given)
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
  throw new Error('expected an error, got none')
}

describe('the options of the comparison', () => {
  it('choose everything by default', () => {
    const { entrants, workloads, distant, routes, rounds } = peersOptions([])
    expect(entrants).toEqual([...peerNames.slice(0, 1), 'pg again', ...peerNames.slice(1)])
    expect(workloads).toHaveLength(10)
    expect(distant).toHaveLength(12)
    expect(routes).toEqual(['http-get', 'http-list', 'http-post'])
    expect(rounds).toBe(15)
  })

  it('always compare with the base, and the base with itself', () => {
    const { entrants } = peersOptions(['--only=ours,postgres'])
    expect(entrants).toEqual(['pg', 'pg again', 'postgres', 'ours'])
    expect(entrants.map(peerOf)).toEqual(['pg', 'pg', 'postgres', 'ours'])
  })

  it('choose workloads one by one', () => {
    const { workloads, distant, routes } = peersOptions([
      '--workloads=list100, key,latency-transaction,http-post',
    ])
    expect(workloads).toEqual(['key', 'list100'])
    expect(distant).toEqual(
      [0, 0.5, 1].map((milliseconds) => ({ workload: 'transaction', milliseconds })),
    )
    expect(routes).toEqual(['http-post'])
  })

  it('choose groups of workloads', () => {
    expect(peersOptions(['--workloads=direct'])).toMatchObject({ distant: [], routes: [] })
    expect(peersOptions(['--workloads=http'])).toMatchObject({ workloads: [], distant: [] })
    expect(peersOptions(['--workloads=latency']).distant).toHaveLength(12)
  })

  it('set the number of rounds', () => {
    expect(peersOptions(['--rounds=5']).rounds).toBe(5)
  })

  it('refuse names that do not exist, and list those that do', () => {
    expect(refused('--only=pg,sequelize')).toMatch(
      /^--only expected names from pg, pg-named, .*, ours, got "sequelize"$/,
    )
    expect(refused('--workloads=keys,')).toMatch(
      /^--workloads expected names from key, .*, got "keys", ""$/,
    )
  })

  it.each(['0', '1.5', '-1', '1001', 'many', ''])('refuse %j rounds', (rounds) => {
    expect(refused(`--rounds=${rounds}`)).toBe(
      `--rounds expected a whole number from 1 to 1000, got "${rounds}"`,
    )
  })

  it('refuse other options and arguments', () => {
    expect(refused('--fast')).toContain("Unknown option '--fast'")
    expect(refused('ours')).toContain("Unexpected argument 'ours'")
    expect(refused('--only')).toContain('--only')
  })
})
