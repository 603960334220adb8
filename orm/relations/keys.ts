import { arrayLiteral } from '../schema/types/array-text.ts'
import { quote } from '../sql/identifier.ts'
import { shapesOf, type Sink, type SqlNode } from '../sql/node.ts'
import { aroundTypedArray } from '../sql/typed-array.ts'
import type { Side } from './side.ts'

/** A key of one or several columns, as PostgreSQL's texts. */
export type KeyTexts = readonly string[]

// Names that no column has: your own SQL may name columns without their table.
const placeName = quote('#place')

/** The position of the key that a row belongs to, from 1. */
export const givenPlace: SqlNode = Object.freeze({
  shape: 'place',
  write: (sink: Sink) => sink.text(`given.${placeName}`),
})

/** Joins the keys to the far side, so that PostgreSQL decides which keys are equal. Gives a row once for each equal key. */
export class GivenKeys implements SqlNode {
  readonly shape: string
  readonly #side: Side
  readonly #keys: readonly KeyTexts[]

  constructor(side: Side, keys: readonly KeyTexts[]) {
    this.#side = side
    this.#keys = keys
    this.shape = `${side.link?.shape ?? ''}given(${shapesOf(side.nodes)})`
  }

  write(sink: Sink): void {
    this.#side.link?.write(sink)
    sink.text(' inner join ')
    writeGiven(sink, this.#side, this.#keys)
    sink.text(' on ')
    writeEqual(sink, this.#side)
  }
}

/** `unnest($1, …) with ordinality as given ("#0", …, "#place")`: a row for each key. */
export function writeGiven(sink: Sink, side: Side, keys: readonly KeyTexts[]): void {
  const names = side.columns.map((_, index) => itemName(index))
  sink.text('unnest(')
  side.columns.forEach((column, index) => {
    if (index > 0) sink.text(', ')
    const [before, after] = aroundTypedArray(side.table, column)
    sink.text(before)
    sink.parameter(arrayLiteral(textsAt(keys, index)))
    sink.text(after)
  })
  sink.text(`) with ordinality as given (${names.join(', ')}, ${placeName})`)
}

/** The far side has the key of the row `given`. */
export function writeEqual(sink: Sink, { columns, nodes }: Side): void {
  nodes.forEach((node, index) => {
    if (index > 0) sink.text(' and ')
    node.write(sink)
    sink.text(` = given.${itemName(index)}${columns[index]?.type.itemCast ?? ''}`)
  })
}

/** The texts of one column of keys. */
export function textsAt(keys: readonly KeyTexts[], index: number): string[] {
  return keys.map((key) => key[index] as string)
}

function itemName(index: number): string {
  return quote(`#${index}`)
}
