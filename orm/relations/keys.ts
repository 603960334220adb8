import { arrayLiteral } from '../schema/types/array-text.ts'
import { quote, quoteTable } from '../sql/identifier.ts'
import { shapesOf, type Sink, type SqlNode } from '../sql/node.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
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
    writeArray(sink, side, column, arrayLiteral(textsAt(keys, index)))
  })
  sink.text(`) with ordinality as given (${names.join(', ')}, ${placeName})`)
}

/**
 * An array of the column's real type: a column that is declared as `text()` may be citext. The sub-query
 * only supplies the type. It never runs.
 */
function writeArray(
  sink: Sink,
  { table }: Side,
  { name, type }: ColumnMetadata,
  array: string,
): void {
  // PostgreSQL has no arrays of arrays: these travel as texts.
  if (type.itemCast !== '') {
    sink.parameter(array)
    return sink.text(`::${type.arrayCast}`)
  }
  const item = `typed.${quote(name)}`
  sink.text('coalesce(')
  sink.parameter(array)
  // `nullif` gives the base type of a domain, since a key may violate the constraint of the domain.
  sink.text(
    `, array(select nullif(${item}, ${item}) from ${quoteTable(table)} as typed where false))`,
  )
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
