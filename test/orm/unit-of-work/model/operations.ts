import fc from 'fast-check'
import type { Kind } from './tables.ts'

export type Operation =
  | {
      readonly do: 'add' | 'delete' | 'load' | 'choose' | 'rename'
      readonly kind: Kind
      readonly at: number
      readonly to: number
    }
  | {
      readonly do: 'boss' | 'team'
      readonly at: number
      /** Null: none. */
      readonly to: number | null
      readonly isFromList: boolean
    }
  | {
      readonly do: 'link'
      readonly at: number
      readonly to: number
      readonly isThere: boolean
      readonly isFromList: boolean
    }
  | { readonly do: 'flush' | 'check' | 'commit' | 'rollback' }
  | { readonly do: 'transaction'; readonly fails: boolean; readonly body: readonly Operation[] }

const place = fc.nat({ max: 3 })
const kind = fc.constantFrom<Kind>('person', 'person', 'team', 'skill')

const change = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('add', 'add', 'add', 'delete', 'rename', 'load', 'choose'),
      kind,
      at: place,
      to: place,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('boss', 'team'),
      at: place,
      to: fc.option(place, { freq: 4 }),
      isFromList: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('link'),
      at: place,
      to: place,
      isThere: fc.boolean(),
      isFromList: fc.boolean(),
    }),
  },
)

/** Random sequences of changes, flushes, ends and savepoints. */
export const { operations } = fc.letrec<{ operation: Operation; operations: Operation[] }>(
  (tie) => ({
    operations: fc.array(tie('operation'), { maxLength: 20 }),
    operation: fc.oneof(
      { maxDepth: 3 },
      { weight: 10, arbitrary: change },
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constantFrom('flush', 'check', 'commit', 'rollback') }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant('transaction'),
          fails: fc.boolean(),
          body: tie('operations'),
        }),
      },
    ) as fc.Arbitrary<Operation>,
  }),
)
