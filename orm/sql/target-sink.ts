import type { TableMetadata } from '../schema/metadata.ts'
import { type Defaults, writeFilterOf } from './defaults.ts'
import { quote, quoteTable } from './identifier.ts'
import type { NamedQuery, Parameter, Sink, SqlNode } from './node.ts'
import { castOfPair } from './pair-cast.ts'
import { rootOf, type Source } from './source.ts'

/**
 * Writes expressions of the row that an UPDATE or DELETE writes. It cannot join other rows to that one, so a column behind
 * a to-one relation is a sub-query.
 */
export class TargetSink implements Sink {
  readonly #sink: Sink
  readonly #target: Source

  constructor(sink: Sink, target: Source) {
    this.#sink = sink
    this.#target = target
  }

  text(sql: string): void {
    this.#sink.text(sql)
  }

  parameter(value: Parameter): void {
    this.#sink.parameter(value)
  }

  column(source: Source, name: string): void {
    if (source.via === undefined || rootOf(source) !== this.#target)
      return this.#sink.column(source, name)
    const { table, via } = source
    const { pairs } = via.relation
    const alias = quote(source.alias)
    this.reads(table)
    this.text(`(select ${alias}.${quote(name)} from ${quoteTable(table)} as ${alias} where `)
    pairs.forEach((pair, index) => {
      const [local, remote] = pair
      this.text(`${index === 0 ? '' : ' and '}${alias}.${quote(remote.name)} = `)
      this.column(via.owner, local.name)
      this.text(castOfPair(pair))
    })
    writeFilterOf(this, ' and ', this.defaultsFor(source).behind(via.relation), alias)
    // Of several rows the one that loading the relation gives.
    if (!table.isUnique(pairs.map(([, remote]) => remote))) {
      const key = table.primaryKey.map((column) => `${alias}.${quote(column.name)}`)
      this.text(` order by ${key.join(', ')} limit 1`)
    }
    this.text(')')
  }

  scope(source: Source, write: (from: () => void) => void, defaults: Defaults): void {
    this.#sink.scope(source, write, defaults)
  }

  defaultsFor(source: Source): Defaults {
    return this.#sink.defaultsFor(source)
  }

  joined(source: Source, word: string, on: SqlNode): void {
    this.#sink.joined(source, word, on)
  }

  requires(source: Source): void {
    this.#sink.requires(source)
  }

  named(query: NamedQuery): void {
    this.#sink.named(query)
  }

  reads(table: TableMetadata | 'any'): void {
    this.#sink.reads(table)
  }
}
