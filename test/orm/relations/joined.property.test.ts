import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { LoaderOf, Query } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import {
  choices,
  forest,
  graphOf,
  loadersOf,
  loadsOf,
  rowsOfForest,
  storeForest,
  Tree,
} from './forest.ts'

const created = await testDatabase(forest)
const { database } = created

it(
  'joins, further statements and load() give the same entities, lists and JSON, whatever is loaded',
  { timeout: 240_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          rows: rowsOfForest,
          chosen: choices,
          others: choices,
          loads: loadsOf('Tree'),
          limit: fc.option(fc.nat(3)),
          isDescending: fc.boolean(),
        }),
        async ({ rows, chosen, others, loads, limit, isDescending }) => {
          await storeForest(created, rows)
          const by = (isJoined: (given: boolean) => boolean, each = [chosen]) =>
            loadersOf(Tree, loads, each, isJoined) as unknown as LoaderOf<'trees'>[]
          const ordered = (query: Query<typeof Tree>): Query<typeof Tree> => {
            const sorted = query.orderBy((tree) =>
              isDescending ? [tree.no.desc(), tree.area.desc()] : [tree.area.asc(), tree.no.asc()],
            )
            return limit === null ? sorted : sorted.limit(limit)
          }
          const read = (loaders: LoaderOf<'trees'>[]) =>
            database.run(async (session) => {
              const found = await ordered(session.find(Tree))
                .options(...loaders)
                .toList()
              const { queryCount } = session.stats
              return { graph: graphOf(found, Tree, loads), json: JSON.stringify(found), queryCount }
            })
          const plain = await read(by(() => false))
          const joined = await read(by(() => true))
          const mixed = await read(by((given) => given))
          expect(joined.queryCount).toBe(1)
          deepStrictEqual(joined.graph, plain.graph)
          deepStrictEqual(mixed.graph, plain.graph)
          expect([joined.json, mixed.json]).toEqual([plain.json, plain.json])
          // Loaders of different depths may choose other rows of one list.
          const further = await read(by(() => false, [chosen, others, chosen]))
          const together = await read(by(() => true, [chosen, others, chosen]))
          deepStrictEqual(together.graph, further.graph)
          const later = await database.run(async (session) => {
            const found = await ordered(session.find(Tree)).toList()
            await session.load(found, ...by((given) => given))
            return graphOf(found, Tree, loads)
          })
          deepStrictEqual(later, plain.graph)
        },
      ),
      { numRuns: 80 },
    )
  },
)
