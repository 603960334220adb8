import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commitOrder, parentsOf } from '../../../orm/unit-of-work/commit-order.ts'
import { belongsTo, integer, table } from '../../../orm/index.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { Comment, Post, User } from '../../support/entities.ts'

type Graph = readonly (readonly number[])[]

/** For each node the nodes that it depends on; any shape, circles and loops included. */
const graphs: fc.Arbitrary<Graph> = fc.integer({ min: 0, max: 12 }).chain((size) =>
  size === 0
    ? fc.constant<number[][]>([])
    : fc.array(fc.uniqueArray(fc.nat({ max: size - 1 }), { maxLength: 4 }), {
        minLength: size,
        maxLength: size,
      }),
)

const orderOf = (graph: Graph) => commitOrder(graph.keys(), (node) => graph[node] ?? [])

function reaches(graph: Graph, from: number): ReadonlySet<number> {
  const seen = new Set<number>()
  const open = [...(graph[from] ?? [])]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (seen.has(node)) continue
    seen.add(node)
    open.push(...(graph[node] ?? []))
  }
  return seen
}

describe('commitOrder', () => {
  it('gives every node exactly once', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        expect(
          orderOf(graph)
            .flat()
            .toSorted((a, b) => a - b),
        ).toEqual([...graph.keys()])
      }),
    )
  })

  it('puts every dependency before its dependent, or into its group', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const groups = orderOf(graph)
        const place = new Map(groups.flatMap((group, at) => group.map((node) => [node, at])))
        graph.forEach((dependencies, node) => {
          for (const dependency of dependencies)
            expect(place.get(dependency)).toBeLessThanOrEqual(place.get(node) as number)
        })
      }),
    )
  })

  it('puts two nodes into one group if and only if they depend on each other', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const groups = orderOf(graph)
        const groupOf = (node: number) => groups.find((group) => group.includes(node))
        for (const a of graph.keys()) {
          for (const b of graph.keys()) {
            const inCircle = a === b || (reaches(graph, a).has(b) && reaches(graph, b).has(a))
            expect(groupOf(a) === groupOf(b)).toBe(inCircle)
          }
        }
      }),
    )
  })

  it('passes over what it was not asked about', () => {
    expect(commitOrder(['a'], () => ['b'])).toEqual([['a']])
  })
})

describe('parentsOf', () => {
  it('names the tables that rows refer to, by foreign key or by relation', () => {
    class Loose extends table('loose', {
      id: integer().primaryKey(),
      postId: integer(),
      post: () => belongsTo(Post, 'postId'),
    }) {}
    expect([...parentsOf(tableOf(Post))]).toEqual([tableOf(User)])
    expect([...parentsOf(tableOf(Loose))]).toEqual([tableOf(Post)])
    expect([...parentsOf(tableOf(User))]).toEqual([])
  })

  it('orders the blog by its foreign keys, however it is asked', () => {
    const tables = [Comment, Post, User].map((entity) => tableOf(entity))
    expect(commitOrder(tables, parentsOf)).toEqual([
      [tableOf(User)],
      [tableOf(Post)],
      [tableOf(Comment)],
    ])
  })
})
