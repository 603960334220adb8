import fc, { type GeneratorValue } from 'fast-check'
import { expect, it } from 'vitest'
import { relationHandle } from '../../../orm/entity/relation-handle.ts'
import { stateOf } from '../../../orm/entity/entity-state.ts'
import { storedKey } from '../../../orm/entity/identity.ts'
import { type LazyMode, selectinload, type Session } from '../../../orm/index.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { testDatabase } from '../../support/database.ts'
import { entities, modelOf, randomWorld, store } from '../sql/model/tables.ts'

const { query, database } = await testDatabase()
await query(`create type mood as enum ('wild', 'calm', 'sad')`)
await database.createSchema(entities)

/** A step of a program: it reads rows, or awaits relations of entities that it has, some at the same time. */
type Step =
  | { readonly find: string; readonly with: string | undefined }
  | { readonly get: string; readonly id: number }
  | { readonly follow: readonly (readonly [entity: number, relation: number])[] }

const tables = ['Person', 'Post', 'Tag', 'Place', 'Profile'] as const
const relationsOf = (name: string) => tableOf(modelOf(name).entity).relationNames

/** @param atOnce how many relations a step awaits at most */
function randomSteps(gen: GeneratorValue, atOnce: number): Step[] {
  const number = (max: number): number => gen(fc.integer, { min: 0, max })
  const step = (): Step => {
    const kind = number(9)
    if (kind === 0) return { get: tables[number(2)] as string, id: number(5) }
    if (kind < 3) {
      const find = tables[number(4)] as string
      const names = relationsOf(find)
      return { find, with: number(2) === 0 ? names[number(names.length - 1)] : undefined }
    }
    return {
      follow: Array.from(
        { length: 1 + number(atOnce - 1) },
        () => [number(1000), number(1000)] as const,
      ),
    }
  }
  const first: Step = { find: tables[number(4)] as string, with: undefined }
  return [first, ...Array.from({ length: 12 }, step)]
}

function labelOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(labelOf)
  return value === null ? null : `${stateOf(value).table.name} ${storedKey(value as object).join()}`
}

/** What a program sees: what its relations give, and the JSON of its lists at the end. */
interface Seen {
  readonly seen: readonly unknown[]
  readonly json: string
}

async function run(session: Session, steps: readonly Step[]): Promise<Seen> {
  const known = new Set<object>()
  const lists: unknown[] = []
  const seen: unknown[] = []
  const know = (value: unknown): unknown => {
    for (const each of [value].flat()) if (each !== null) known.add(each as object)
    return labelOf(value)
  }
  for (const step of steps) {
    if ('find' in step) {
      const entity = modelOf(step.find).entity
      const all = session.find(entity)
      const name = step.with
      const loader = name && selectinload<never, object>((entity as never)[name])
      const list = await (loader ? all.options(loader as never) : all).toList()
      lists.push(list)
      seen.push(
        know(
          (list as object[]).toSorted((a, b) => (String(labelOf(a)) < String(labelOf(b)) ? -1 : 1)),
        ),
      )
    } else if ('get' in step) {
      seen.push(know(await session.get(modelOf(step.get).entity, step.id)))
    } else {
      const all = [...known]
      const handles = step.follow.flatMap(([entity, relation]) => {
        const owner = all[entity % all.length]
        if (owner === undefined) return []
        const names = stateOf(owner).table.relationNames
        return [relationHandle(owner, names[relation % names.length] as string)]
      })
      const values = await Promise.all(handles.map((handle) => handle.load()))
      seen.push(values.map(know))
      seen.push(handles.map((handle, index) => handle.value === values[index]))
    }
  }
  return { seen, json: JSON.stringify(lists) }
}

it('random programs see in the mode peers what they see in the mode select, with no more statements', async () => {
  let saved = 0
  await fc.assert(
    fc.asyncProperty(fc.gen(), async (gen) => {
      await store(randomWorld(gen), query)
      for (let time = 0; time < 4; time += 1) {
        // What is awaited at the same time arrives in the order of the statements, which decides where the JSON shows it.
        const isParallel = time % 2 === 0
        const steps = randomSteps(gen, isParallel ? 4 : 1)
        const within = async (lazy: LazyMode) => {
          await using session = database.session({ lazy, nPlusOne: 'off' })
          const result = await run(session, steps)
          return { result, count: session.stats.queryCount }
        }
        const select = await within('select')
        const peers = await within('peers')
        const compared = ({ result }: typeof peers): unknown => (isParallel ? result.seen : result)
        expect(compared(peers)).toEqual(compared(select))
        expect(peers.count).toBeLessThanOrEqual(select.count)
        saved += select.count - peers.count
      }
    }),
    { numRuns: 15, endOnFailure: true },
  )
  expect(saved).toBeGreaterThan(40)
})
