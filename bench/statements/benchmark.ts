import { isDeepStrictEqual } from 'node:util'
import type { Benchmark } from '../benchmark.ts'
import { measure } from '../measure.ts'
import { type Contestant, interleaved } from '../rounds.ts'
import { median, ratios } from '../statistics.ts'
import { textTable } from '../table.ts'
import { byHand, select } from './loops.ts'

const turns = 50_000

// The first version of the query tree cost this much.
const mostByHand = 4

/** Measures a select that callbacks build and that the cache finds by its shape. */
export const statements: Benchmark = {
  name: 'statements',
  summary: 'the cost of building a cached select, compared with joining its text by hand',
  run: async () => {
    requireEqual()
    const contestants = [contestant('by hand', byHand), contestant('callbacks', select)]
    await interleaved(contestants, { milliseconds: 1000, leastRounds: 5 })
    const costs = await interleaved(contestants, { milliseconds: 4000, leastRounds: 20 })
    const cpu = (name: string): number[] => (costs.get(name) ?? []).map((cost) => cost.cpu)
    const ratio = median(ratios(cpu('callbacks'), cpu('by hand')))
    console.log(
      textTable([
        ['statement', 'µs of CPU', 'best', 'times by hand'],
        ['by hand', ...figures(cpu('by hand')), '1.00'],
        ['callbacks', ...figures(cpu('callbacks')), ratio.toFixed(2)],
      ]),
    )
    const isKept = ratio <= mostByHand
    console.log(
      `\n${isKept ? 'PASS' : 'FAIL'}  callbacks cost at most ${mostByHand} times as much as text joined by hand`,
    )
    return isKept
  },
}

function contestant(name: string, build: (age: number) => unknown): Contestant {
  return {
    name,
    round: () =>
      measure(turns, async () => {
        for (let turn = 0; turn < turns; turn += 1) build(turn)
      }),
  }
}

function requireEqual(): void {
  const [one, other] = [select(7), byHand(7)]
  if (one.text === other.text && isDeepStrictEqual(one.parameters, other.parameters)) return
  throw new Error(`expected equal statements, got\n${one.text}\n${other.text}`)
}

function figures(values: readonly number[]): [string, string] {
  return [median(values).toFixed(2), Math.min(...values).toFixed(2)]
}
