import { hash } from 'node:crypto'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Through } from '../schema/relation-metadata.ts'
import { quote } from './identifier.ts'
import type { Sink } from './node.ts'
import type { Source } from './source.ts'
import { type PieceSink, tableCondition, type TableCondition } from './table-condition.ts'

type Conditions = ReadonlyMap<TableMetadata, TableCondition>

/** Which default filters hold: those that tables declare, and those that a session has added. Immutable. */
export class Defaults {
  readonly #holdsDeclared: boolean
  // Both of a table: what it declares, and what was added.
  readonly #added: Conditions | undefined
  #shape: string | undefined

  constructor(holdsDeclared: boolean, added?: Conditions) {
    this.#holdsDeclared = holdsDeclared
    this.#added = added
  }

  /** The filter of a table; undefined if it has none. */
  of(table: TableMetadata): TableCondition | undefined {
    return this.#added?.get(table) ?? (this.#holdsDeclared ? declaredOf(table) : undefined)
  }

  /** The filter of the rows that a relation leads to. */
  behind({ target, withDefaults }: RelationMetadata): TableCondition | undefined {
    return withDefaults ? this.of(target) : undefined
  }

  /** The filter of the rows of a link table. */
  linking({ table, withDefaults }: Through): TableCondition | undefined {
    return withDefaults ? this.of(table) : undefined
  }

  /** With one more filter of a table. */
  with(table: TableMetadata, condition: TableCondition): Defaults {
    const known = this.of(table)
    const both = known === undefined ? condition : known.and(condition)
    return new Defaults(this.#holdsDeclared, new Map(this.#added).set(table, both))
  }

  /** Tells the text of all filters: statements with and without them are different ones. */
  get shape(): string {
    if (this.#added === undefined) return this.#holdsDeclared ? '' : '-'
    return (this.#shape ??= nameOf(this.#added))
  }
}

/** Those that tables declare. */
export const declaredDefaults: Defaults = new Defaults(true)

/** None hold. */
export const noDefaults: Defaults = new Defaults(false)

// As long for any number of filters, since it stands in the shape of each query. Values are no part of it.
function nameOf(added: Conditions): string {
  const names = Array.from(added, ([{ id }, { shape }]) => `${id}${shape}`).sort()
  return `~${hash('sha256', names.join(), 'base64url')}`
}

const declared = new WeakMap<TableMetadata, TableCondition>()

/** The filter that a table declares. Its values are constants, so they stand in the text. */
function declaredOf(table: TableMetadata): TableCondition | undefined {
  const { defaultFilter } = table.settings
  if (defaultFilter === undefined) return undefined
  let condition = declared.get(table)
  if (condition === undefined) {
    condition = tableCondition(table, defaultFilter, `${table.entityName}: defaultFilter`).inlined
    declared.set(table, condition)
  }
  return condition
}

/** Refuses a default filter that is no condition on the columns of its table. */
export function requireDefaultFilter(table: TableMetadata): void {
  declaredOf(table)
}

/** Writes the filter of a source, behind some text. */
export function writeFilter(
  sink: Sink,
  before: string,
  filter: TableCondition | undefined,
  source: Source,
): void {
  if (filter === undefined) return
  sink.text(before)
  filter.write(sink, (name) => sink.column(source, name))
}

/** The same of a table under an alias that is no source. */
export function writeFilterOf(
  to: PieceSink,
  before: string,
  filter: TableCondition | undefined,
  alias: string,
): void {
  if (filter === undefined) return
  to.text(before)
  filter.write(to, (name) => to.text(`${alias}.${quote(name)}`))
}
