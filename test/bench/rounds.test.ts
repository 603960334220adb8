import { describe, expect, it } from 'vitest'
import { type Contestant, interleaved, joined, shuffled } from '../../bench/rounds.ts'

describe('rounds of a benchmark', () => {
  it('let everybody work once in each, and begin with the next one', async () => {
    const order: string[] = []
    const contestant = (name: string): Contestant => ({
      name,
      round: async () => {
        order.push(name)
        return { cpu: order.length, wall: 0 }
      },
    })
    const extent = { milliseconds: 0, leastRounds: 3 }
    const costs = await interleaved(['a', 'b', 'c'].map(contestant), extent)
    expect(order.join('')).toBe('abcbcacab')
    expect(costs.get('b')?.map(({ cpu }) => cpu)).toEqual([2, 4, 9])
  })

  it('can have another order', async () => {
    const order: string[] = []
    const contestant = (name: string): Contestant => ({
      name,
      round: () => {
        order.push(name)
        return Promise.resolve({ cpu: 0, wall: 0 })
      },
    })
    const extent = { milliseconds: 0, leastRounds: 2 }
    await interleaved(['a', 'b'].map(contestant), extent, (list) => list.toReversed())
    expect(order.join('')).toBe('baba')
  })

  it('in random order let everybody work once, and everybody begin at times', () => {
    const names = ['a', 'b', 'c']
    const orders = Array.from({ length: 200 }, () => shuffled(names))
    expect(orders.every((order) => order.toSorted().join('') === 'abc')).toBe(true)
    expect(new Set(orders.map(([first]) => first))).toEqual(new Set(names))
  })

  it('of several runs are one list for each name', () => {
    const cost = { cpu: 1, wall: 2 }
    const one = new Map([['a', [cost, cost]]])
    const other = new Map([['a', [cost]]])
    expect(joined([one, other])).toEqual(new Map([['a', [cost, cost, cost]]]))
  })
})
