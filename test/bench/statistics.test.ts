import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { median, quantile, ratios } from '../../bench/statistics.ts'

const numbers = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 })

describe('statistics of a benchmark', () => {
  it('take the value in the middle, or half way between the two', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([4, 1, 2, 9])).toBe(3)
  })

  it('find quantiles between the values', () => {
    expect(quantile([10, 20, 30, 40, 50], 0.25)).toBe(20)
    expect(quantile([10, 20], 0.75)).toBe(17.5)
  })

  it('keep quantiles inside the values, in order, and the values as they are', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const before = [...values]
        const [first, middle, last] = [0, 0.5, 1].map((share) => quantile(values, share))
        expect(first).toBe(Math.min(...values))
        expect(last).toBe(Math.max(...values))
        expect(middle).toBeGreaterThanOrEqual(first as number)
        expect(middle).toBeLessThanOrEqual(last as number)
        expect(values).toEqual(before)
      }),
    )
  })

  it('compare round by round, so that a slow round is slow for both', () => {
    expect(ratios([2, 20, 4], [1, 10, 2])).toEqual([2, 2, 2])
  })

  it('refuse to find anything in nothing, or in rounds that one has missed', () => {
    expect(() => median([])).toThrow('expected at least one value, got none')
    expect(() => ratios([1, 2], [1])).toThrow('the same number of rounds, got 2 and 1')
  })
})
