import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bag, type InBag } from '../../../orm/util/bag.ts'

interface Thing extends InBag {
  readonly name: number
}

describe('a bag', () => {
  it('has what was added and not removed, as a Set does', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 9 }), { maxLength: 60 }), (names) => {
        const things = Array.from({ length: 10 }, (_, name): Thing => ({ name, place: 0 }))
        const bag = new Bag<Thing>()
        const model = new Set<Thing>()
        for (const name of names) {
          const thing = things[name] as Thing
          if (model.delete(thing)) bag.remove(thing)
          else {
            model.add(thing)
            bag.add(thing)
          }
          expect(new Set(bag.all)).toEqual(model)
          expect(bag.all).toHaveLength(model.size)
        }
      }),
    )
  })

  it('ignores what it does not have any more', () => {
    const bag = new Bag<Thing>()
    const [one, other]: [Thing, Thing] = [
      { name: 1, place: 0 },
      { name: 2, place: 0 },
    ]
    bag.add(one)
    bag.add(other)
    bag.remove(one)
    bag.remove(one)
    expect(bag.all).toEqual([other])
  })
})
