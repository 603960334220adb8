import { DataBridgeError } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { quote, quoteTable } from './identifier.ts'
import type { Sink } from './node.ts'
import { castOfPair } from './pair-cast.ts'
import { rootOf, type Source } from './source.ts'

/** The tables that a statement reads. Your own SQL may read any table. */
export type ReadTables = readonly TableMetadata[] | 'any'

/** A query or sub-query that is being written. */
interface Scope {
  readonly source: Source
  /** The joins that its columns ask for, by their aliases. */
  readonly joins: Map<string, string>
}

/** Renders nodes into a statement's text: numbers its parameters, derives its joins, sees what it reads. */
export class TextSink implements Sink {
  readonly #pieces: string[] = []
  readonly #scopes: Scope[] = []
  readonly #tables = new Set<TableMetadata>()
  readonly #isWhole: boolean
  #readsAny = false
  #parameters = 0

  /** @param isWhole whether it is a statement, whose columns all have a table in it, and not a part of one */
  constructor(isWhole = false) {
    this.#isWhole = isWhole
  }

  get rendered(): string {
    return this.#pieces.join('')
  }

  get tables(): ReadTables {
    return this.#readsAny ? 'any' : [...this.#tables]
  }

  text(sql: string): void {
    this.#pieces.push(sql)
  }

  parameter(): void {
    this.#parameters += 1
    this.#pieces.push(`$${this.#parameters}`)
  }

  column(source: Source, name: string): void {
    this.#join(source, name)
    this.#pieces.push(`${quote(source.alias)}.${quote(name)}`)
  }

  scope(source: Source, write: (from: () => void) => void): void {
    const scope: Scope = { source, joins: new Map() }
    // The joins are known at the end, so keep their place.
    let place = -1
    this.#scopes.push(scope)
    this.reads(source.table)
    write(() => {
      this.#pieces.push(` from ${quoteTable(source.table)} as ${quote(source.alias)}`, '')
      place = this.#pieces.length - 1
    })
    this.#scopes.pop()
    this.#pieces[place] = [...scope.joins.values()].join('')
  }

  reads(table: TableMetadata | 'any'): void {
    if (table === 'any') this.#readsAny = true
    else this.#tables.add(table)
  }

  #join(source: Source, name: string): void {
    const root = rootOf(source)
    if (this.#scopes.length === 0 && source.via === undefined && !this.#isWhole) return
    const scope = this.#scopes.findLast((each) => each.source.alias === root.alias)
    if (scope?.source !== root) throw strangerError(scope ?? this.#scopes[0], source, name)
    this.#addJoin(scope, source)
  }

  #addJoin(scope: Scope, source: Source): void {
    if (source.via === undefined || scope.joins.has(source.alias)) return
    const { owner, relation } = source.via
    this.#addJoin(scope, owner)
    this.reads(relation.target)
    scope.joins.set(source.alias, joinText(source, owner, relation))
  }
}

type Relation = NonNullable<Source['via']>['relation']

function joinText({ table, alias }: Source, owner: Source, { pairs }: Relation): string {
  const on = (inner: string): string =>
    pairs
      .map(
        (pair) =>
          `${inner}.${quote(pair[1].name)} = ${quote(owner.alias)}.${quote(pair[0].name)}${castOfPair(pair)}`,
      )
      .join(' and ')
  const remotes = pairs.map(([, remote]) => remote)
  if (table.isUnique(remotes))
    return ` left join ${quoteTable(table)} as ${quote(alias)} on ${on(quote(alias))}`
  // Of several rows behind a to-one relation one is taken, the same that loading it gives: the root's rows stay what they are.
  const row = quote('row')
  const key = table.primaryKey.map(({ name }) => `${row}.${quote(name)}`).join(', ')
  return (
    ` left join lateral (select ${row}.* from ${quoteTable(table)} as ${row} where ${on(row)} ` +
    `order by ${key} limit 1) as ${quote(alias)} on true`
  )
}

function strangerError(scope: Scope | undefined, { table }: Source, name: string): DataBridgeError {
  const query =
    scope === undefined
      ? `a template that is executed by itself`
      : `a query of ${scope.source.table.entityName}`
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${query} expected its own columns, got ${name} of ${table.entityName}, kept from the callback of another query` +
      (scope === undefined ? `: name a column by ${table.entityName}.columns` : ''),
  )
}
