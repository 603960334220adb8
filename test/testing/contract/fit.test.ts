import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { fit } from '../../../plugin/testing/contract/fit.ts'

describe('fit', () => {
  it.each([
    [[1, 1], '1'],
    [[0, 0], '0'],
    [[2, 5], 'rows'],
    [[3, 6], '1 + rows'],
    [[4, 10], '2·rows'],
    [[7, 13], '3 + 2·rows'],
    [[1, 4], 'rows - 1'],
    [[5, 2], '7 - rows'],
    [[1, 2.5], '0.5·rows'],
  ])('says of %j for 2 and 5 rows: %s', ([few = 0, many = 0], line) => {
    expect(
      fit([
        { rows: 2, count: few },
        { rows: 5, count: many },
      ]),
    ).toBe(line)
  })

  it('says when the points are on no line', () => {
    const points = [1, 4, 9].map((count, index) => ({ rows: index + 1, count }))
    expect(fit(points)).toBe('about 4·rows - 3.33')
  })

  it('takes one number of rows as no growth', () => {
    expect(fit([{ rows: 3, count: 2 }])).toBe('2')
  })

  it('finds every line of whole numbers', () => {
    const scales = fc.uniqueArray(fc.nat(50), { minLength: 2, maxLength: 5 })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 99 }),
        fc.integer({ min: 2, max: 9 }),
        scales,
        (a, b, all) => {
          const points = all.map((rows) => ({ rows, count: a + b * rows }))
          expect(fit(points)).toBe(`${a} + ${b}·rows`)
        },
      ),
    )
  })
})
