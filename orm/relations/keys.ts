import { arrayLiteral } from '../sql/array-literal.ts'
import { OneOf } from '../sql/comparisons.ts'
import { type Condition, shapesOf, type Sink, type SqlNode, writeList } from '../sql/node.ts'
import type { Side } from './side.ts'

/** A key of one or several columns, as PostgreSQL's texts. */
export type KeyTexts = readonly string[]

/** The far side has one of the keys. The text does not depend on how many there are. */
export function anyKey(side: Side, keys: readonly KeyTexts[]): Condition {
  const only = onlyNode(side)
  return only !== undefined ? new OneOf(only, column(keys, 0), false) : new AnyKey(side, keys)
}

/** `("a", "b") in (select k0, k1 from unnest(…) as given (k0, k1))`. */
class AnyKey implements Condition {
  readonly conjunctCount = 1
  readonly depth = 0
  readonly shape: string
  readonly #side: Side
  readonly #keys: readonly KeyTexts[]

  constructor(side: Side, keys: readonly KeyTexts[]) {
    this.#side = side
    this.#keys = keys
    this.shape = `any(${shapesOf(side.nodes)})`
  }

  write(sink: Sink): void {
    sink.text('(')
    writeList(sink, this.#side.nodes, ', ')
    sink.text(') in (select ')
    sink.text(givenItems(this.#side).join(', '))
    writeGiven(sink, this.#side, this.#keys)
    sink.text(')')
  }
}

/** The places, from 1 on, of the keys that the far side has: an array, since keys may be equal for PostgreSQL. */
export class KeyPlaces implements SqlNode {
  readonly shape: string
  readonly #side: Side
  readonly #keys: readonly KeyTexts[]

  constructor(side: Side, keys: readonly KeyTexts[]) {
    this.#side = side
    this.#keys = keys
    this.shape = `places(${shapesOf(side.nodes)})`
  }

  write(sink: Sink): void {
    const only = onlyNode(this.#side)
    if (only !== undefined) {
      // Without a cast the array has the column's own type, and its equality, whatever it was declared as.
      sink.text('array_positions(')
      sink.parameter(arrayLiteral(column(this.#keys, 0)))
      sink.text(', ')
      only.write(sink)
      sink.text(')')
      return
    }
    sink.text('(select array_agg(place)')
    writeGiven(sink, this.#side, this.#keys)
    sink.text(' where ')
    writeEqual(sink, this.#side)
    sink.text(')')
  }
}

/** `from unnest($1::integer[], …) with ordinality as given (k0, …, place)`: a row for each key. */
export function writeGiven(sink: Sink, { columns }: Side, keys: readonly KeyTexts[]): void {
  sink.text(' from unnest(')
  columns.forEach(({ type }, index) => {
    if (index > 0) sink.text(', ')
    sink.parameter(arrayLiteral(column(keys, index)))
    sink.text(`::${type.arrayCast}`)
  })
  sink.text(
    `) with ordinality as given (${columns.map((_, index) => `k${index}`).join(', ')}, place)`,
  )
}

/** The far side has the key of the row `given`. */
export function writeEqual(sink: Sink, side: Side): void {
  const items = givenItems(side)
  side.nodes.forEach((node, index) => {
    if (index > 0) sink.text(' and ')
    node.write(sink)
    sink.text(` = ${items[index]}`)
  })
}

function givenItems({ columns }: Side): readonly string[] {
  return columns.map(({ type }, index) => `given.k${index}${type.itemCast}`)
}

/** The node of a key of one column. None of an array: PostgreSQL has no arrays of those. */
function onlyNode({ nodes, columns }: Side): SqlNode | undefined {
  return nodes.length === 1 && columns[0]?.type.items === undefined ? nodes[0] : undefined
}

function column(keys: readonly KeyTexts[], index: number): string[] {
  return keys.map((key) => key[index] as string)
}
