import type { RowColumns } from '../schema/row-columns.ts'
import type { Through } from '../schema/relation-metadata.ts'
import { type Defaults, writeFilter } from '../sql/defaults.ts'
import { aliasedNames, quote } from '../sql/identifier.ts'
import {
  type Condition,
  type Order,
  shapesOf,
  type Sink,
  type SqlNode,
  writeList,
} from '../sql/node.ts'
import { writeLinked } from '../sql/link.ts'
import { wholeRow } from '../sql/projections.ts'
import { givenPlace, type KeyTexts, writeEqual, writeGiven } from './keys.ts'
import type { Side } from './side.ts'

/** Which rows to load for each key. */
export interface Choice {
  readonly where: Condition | undefined
  readonly orders: readonly Order[]
  readonly limit: number
  readonly columns: RowColumns
  readonly defaults: Defaults
}

const rank = quote('#')

/**
 * The first `limit` rows for each key. A sub-query for each key lets PostgreSQL read only that part of an
 * index. The last column is the position of the key, from 1.
 */
export class EachKey implements SqlNode {
  readonly shape: string
  readonly #side: Side
  readonly #through: Through | undefined
  readonly #keys: readonly KeyTexts[]
  readonly #choice: Choice

  constructor(side: Side, through: Through | undefined, keys: readonly KeyTexts[], choice: Choice) {
    this.#side = side
    this.#through = through
    this.#keys = keys
    this.#choice = choice
    const { where, orders, columns, defaults } = choice
    this.shape = `each${defaults.shape}${side.isBare ? '!' : ''}${columns.shape}(${shapesOf(side.nodes)})${side.link?.shape ?? ''}|${where?.shape ?? ''}|${shapesOf(orders)}`
  }

  write(sink: Sink): void {
    const { source, isBare } = this.#side
    const { where, orders, limit, columns, defaults } = this.#choice
    const alias = quote(source.alias)
    sink.text(`select ${aliasedNames(alias, columns.list)}, `)
    givenPlace.write(sink)
    sink.text(' from ')
    writeGiven(sink, this.#side, this.#keys)
    sink.text(' cross join lateral (')
    const write = (from: () => void): void => {
      sink.text('select ')
      wholeRow(source, columns).write(sink)
      sink.text(', row_number() over (order by ')
      writeList(sink, orders, ', ')
      sink.text(`) as ${rank}`)
      from()
      sink.text(' where ')
      this.#writeFound(sink)
      writeFilter(sink, ' and ', isBare ? undefined : defaults.of(source.table), source)
      if (where !== undefined) {
        sink.text(' and (')
        where.write(sink)
        sink.text(')')
      }
      // With an order by the rank, PostgreSQL would number every row first.
      sink.text(' order by ')
      writeList(sink, orders, ', ')
      sink.text(' limit ')
      sink.parameter(String(limit))
    }
    sink.scope(source, write, defaults)
    sink.text(`) as ${alias} order by `)
    givenPlace.write(sink)
    sink.text(`, ${alias}.${rank}`)
  }

  #writeFound(sink: Sink): void {
    const equal = (): void => writeEqual(sink, this.#side)
    if (this.#through === undefined) equal()
    else writeLinked(sink, this.#side.source, this.#through, equal)
  }
}
