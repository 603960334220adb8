import fc, { type GeneratorValue } from 'fast-check'
import type { AnyEntityClass } from '../../orm/schema/relation.ts'
import { tableOf } from '../../orm/schema/table-of.ts'
import { type Finding, type Loader, selectinload, type Session } from '../../orm/index.ts'
import { Author, Book, Genre, Review } from '../orm/relations/library.ts'

const entities: Readonly<Record<string, AnyEntityClass>> = { Author, Book, Genre, Review }

const loops = ['for', 'together', 'chained', 'helper', 'forEach'] as const

/** Follows a relation of entities, and goes on with what it finds. */
export interface Step {
  readonly relation: string
  readonly loop: (typeof loops)[number]
  /** For how many of the entities, from which one on. */
  readonly from: number
  readonly take: number
  readonly below: readonly Step[]
}

/** Reads a list, with some relations eagerly, and follows relations of its entities. */
export interface Program {
  readonly root: string
  readonly limit: number
  /** Paths from the root: `['books', 'reviews']`. With each one, those that lead to it. */
  readonly eager: readonly (readonly string[])[]
  readonly steps: readonly Step[]
}

export function randomProgram(gen: GeneratorValue): Program {
  const number = (max: number): number => gen(fc.integer, { min: 0, max })
  const step = (entity: string, depth: number): Step => {
    const names = tableOf(entities[entity]).relationNames.filter((name) => name !== 'profile')
    const relation = names[number(names.length - 1)] as string
    const target = tableOf(entities[entity]).relation(relation).target.entityName
    return {
      relation,
      loop: loops[number(loops.length - 1)] as Step['loop'],
      from: number(2),
      take: number(4) === 0 ? 1 : 1 + number(6),
      below: depth === 0 ? [] : several(target, depth - 1),
    }
  }
  const several = (entity: string, depth: number): Step[] =>
    Array.from({ length: number(2) }, () => step(entity, depth))
  const root = Object.keys(entities)[number(3)] as string
  const steps = [step(root, 2), ...several(root, 1)]
  const paths = pathsOf(steps)
  const eager = paths.filter(() => number(3) === 0)
  return { root, limit: 1 + number(8), eager, steps }
}

/** All paths that steps follow. */
export function pathsOf(steps: readonly Step[]): string[][] {
  return steps.flatMap(({ relation, below }) => [
    [relation],
    ...pathsOf(below).map((path) => [relation, ...path]),
  ])
}

/** Runs a program, and gives what was found. */
export async function run(session: Session, program: Program): Promise<readonly Finding[]> {
  const { root, limit, eager, steps } = program
  const entity = entities[root] as typeof Book
  const list = await session
    .find(entity)
    .orderBy((row) => row.id.asc())
    .limit(limit)
    .options(...(loadersOf(entity, eager) as never[]))
    .toList()
  await follow(list, steps)
  return session.stats.findings
}

async function follow(entitiesHere: readonly object[], steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    const { relation, loop, from, take, below } = step
    const chosen = entitiesHere.slice(from, from + take)
    const found = (await walks[loop](chosen, relation)).flat().filter((each) => each !== null)
    await follow([...new Set(found)] as object[], below)
  }
}

type Related = Readonly<Record<string, PromiseLike<object | null | object[]>>>

type Walk = (from: readonly object[], relation: string) => Promise<(object | null | object[])[]>

/** The spellings of a loop. */
const walks: Readonly<Record<Step['loop'], Walk>> = {
  async for(from, relation) {
    const found = []
    for (const each of from) found.push(await (each as Related)[relation])
    return found as (object | null)[]
  },
  together(from, relation) {
    return Promise.all(from.map((each) => related(each, relation)))
  },
  chained(from, relation) {
    return from.reduce<ReturnType<Walk>>(async (before, each) => {
      const found = await before
      return [...found, (await (each as Related)[relation]) as object]
    }, Promise.resolve([]))
  },
  async helper(from, relation) {
    const found = []
    for (const each of from) found.push(await helped(each, relation))
    return found
  },
  async forEach(from, relation) {
    const found: PromiseLike<object | null | object[]>[] = []
    from.forEach((each) => found.push((each as Related)[relation] as never))
    return Promise.all(found)
  },
}

function related(each: object, relation: string): PromiseLike<object | null | object[]> {
  return (each as Related)[relation] as PromiseLike<object>
}

async function helped(each: object, relation: string): Promise<object | null | object[]> {
  return related(each, relation)
}

function loadersOf(entity: AnyEntityClass, paths: readonly (readonly string[])[]): unknown[] {
  const names = new Set(paths.map(([name]) => name as string))
  return [...names].map((name) => {
    const below = paths.filter((path) => path[0] === name && path.length > 1)
    const { target } = tableOf(entity).relation(name)
    const loader = selectinload((entity as never)[name]) as unknown as Loader<never, never>
    const nested = loadersOf(
      entities[target.entityName] as AnyEntityClass,
      below.map((path) => path.slice(1)),
    )
    return nested.length === 0 ? loader : loader.options(...(nested as never[]))
  })
}
