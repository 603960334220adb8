import type { TableMetadata } from '../schema/metadata.ts'
import type { Defaults } from './defaults.ts'
import type { NamedQuery, Sink, SqlNode } from './node.ts'
import { rootOf, type Source } from './source.ts'
import type { ReadTables } from './text-sink.ts'

/** Looks at nodes without rendering them: which tables they read, and whether a source has to be joined for them. */
export class Survey implements Sink {
  readonly #source: Source
  readonly #defaults: Defaults
  readonly #tables = new Set<TableMetadata>()
  readonly #named = new Set<NamedQuery>()
  #readsAny = false
  /** Whether a column is behind a to-one relation of the source. */
  hasJoins = false

  constructor(source: Source, defaults: Defaults) {
    this.#source = source
    this.#defaults = defaults
  }

  get tables(): ReadTables {
    return this.#readsAny ? 'any' : [...this.#tables]
  }

  text(): void {}

  parameter(): void {}

  column(source: Source): void {
    if (source.via !== undefined && rootOf(source) === this.#source) this.hasJoins = true
    for (let joined = source; joined.via !== undefined; joined = joined.via.owner) {
      this.reads(joined.table)
      if (this.#defaults.behind(joined.via.relation)?.readsAny === true) this.reads('any')
    }
  }

  scope(source: Source, write: (from: () => void) => void): void {
    write(() => this.#rowsOf(source))
  }

  defaultsFor(): Defaults {
    return this.#defaults
  }

  joined(source: Source, _word: string, on: SqlNode): void {
    this.#rowsOf(source)
    on.write(this)
  }

  requires(source: Source): void {
    this.column(source)
  }

  named(query: NamedQuery): void {
    if (this.#named.has(query)) return
    this.#named.add(query)
    query.writeQuery(this)
  }

  #rowsOf({ table, rows }: Source): void {
    if (rows === undefined) this.reads(table)
    else rows.write(this)
  }

  reads(table: TableMetadata | 'any'): void {
    if (table === 'any') this.#readsAny = true
    else this.#tables.add(table)
  }
}
