import { quote } from '../sql/identifier.ts'
import {
  type Condition,
  type Order,
  shapesOf,
  type Sink,
  type SqlNode,
  writeList,
} from '../sql/node.ts'
import { wholeRow } from '../sql/select.ts'
import { type KeyTexts, writeEqual, writeGiven } from './keys.ts'
import type { Side } from './side.ts'

/** Which rows of each key are wanted. */
export interface Choice {
  readonly where: Condition | undefined
  readonly orders: readonly Order[]
  readonly limit: number
}

/**
 * At most so many rows for each key, in an order: a sub-query for each key, so that PostgreSQL reads no
 * more of an index than is wanted. The place of the key, from 1 on, is the last column.
 */
export class EachKey implements SqlNode {
  readonly shape: string
  readonly #side: Side
  readonly #keys: readonly KeyTexts[]
  readonly #choice: Choice

  constructor(side: Side, keys: readonly KeyTexts[], choice: Choice) {
    this.#side = side
    this.#keys = keys
    this.#choice = choice
    const { where, orders } = choice
    this.shape = `each(${shapesOf(side.nodes)})${side.link?.shape ?? ''}|${where?.shape ?? ''}|${shapesOf(orders)}`
  }

  write(sink: Sink): void {
    const { source, link } = this.#side
    const { where, orders, limit } = this.#choice
    const alias = quote(source.alias)
    const columns = source.table.columns.map(({ name }) => `${alias}.${quote(name)}`)
    sink.text(`select ${columns.join(', ')}, given.place`)
    writeGiven(sink, this.#side, this.#keys)
    sink.text(' cross join lateral (')
    sink.scope(source, (from) => {
      sink.text('select ')
      wholeRow(source).write(sink)
      sink.text(', row_number() over (order by ')
      writeList(sink, orders, ', ')
      sink.text(`) as ${quote('#')}`)
      from()
      link?.write(sink)
      sink.text(' where ')
      writeEqual(sink, this.#side)
      if (where !== undefined) {
        sink.text(' and (')
        where.write(sink)
        sink.text(')')
      }
      sink.text(` order by ${quote('#')} limit `)
      sink.parameter(String(limit))
    })
    sink.text(`) as ${alias} order by given.place, ${alias}.${quote('#')}`)
  }
}
