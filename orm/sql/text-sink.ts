import { DataBridgeError } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { quote, quoteTable } from './identifier.ts'
import type { NamedQuery, Sink, SqlNode } from './node.ts'
import { castOfPair } from './pair-cast.ts'
import { rootOf, scopeOf, type Source } from './source.ts'

/** The tables that a statement reads. Your own SQL may read any table. */
export type ReadTables = readonly TableMetadata[] | 'any'

/** A query or sub-query that is being written. */
interface Scope {
  readonly source: Source
  /** The joins that columns ask for, by their aliases, behind each source of the FROM. */
  readonly joins: Map<Source, Map<string, string>>
  /** Where those joins will stand: they are known at the end. Empty before the FROM. */
  readonly places: Map<Source, number>
}

/** Renders nodes into a statement's text: numbers its parameters, derives its joins, sees what it reads. */
export class TextSink implements Sink {
  #pieces: string[] = []
  #scopes: Scope[] = []
  readonly #tables = new Set<TableMetadata>()
  readonly #isWhole: boolean
  // Made by the first one: most statements have none.
  #names: Map<NamedQuery, string> | undefined
  readonly #with: string[] = []
  #readsAny = false
  #parameters = 0

  /** @param isWhole whether it is a statement, whose columns all have a table in it, and not a part of one */
  constructor(isWhole = false) {
    this.#isWhole = isWhole
  }

  get rendered(): string {
    const text = this.#pieces.join('')
    if (this.#names === undefined) return text
    const isRecursive = [...this.#names.keys()].some((query) => query.isRecursive)
    const own = /^with\s+(recursive\s+)?/i.exec(text)
    const word = isRecursive || own?.[1] !== undefined ? 'with recursive' : 'with'
    const rest = own === null ? ` ${text}` : `, ${text.slice(own[0].length)}`
    return `${word} ${this.#with.join(', ')}${rest}`
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
    const scope: Scope = { source, joins: new Map(), places: new Map() }
    this.#scopes.push(scope)
    // An UPDATE names its table itself, and joins nothing.
    if (source.rows === undefined) this.reads(source.table)
    write(() => {
      this.#pieces.push(' from ')
      this.#writeRows(source)
      this.#keepPlace(scope, source)
    })
    this.#scopes.pop()
    scope.places.forEach((place, behind) => {
      this.#pieces[place] = [...(scope.joins.get(behind)?.values() ?? [])].join('')
    })
  }

  joined(source: Source, word: string, on: SqlNode): void {
    const scope = this.#scopes.at(-1) as Scope
    this.#pieces.push(` ${word} `)
    this.#writeRows(source)
    this.#pieces.push(' on ')
    on.write(this)
    this.#keepPlace(scope, source)
  }

  requires(source: Source): void {
    const scope = this.#scopes.at(-1) as Scope
    this.#addJoin(scope, source)
    for (let each = source; each.via !== undefined; each = each.via.owner) {
      const { owner, relation } = each.via
      this.#joinsOf(scope, each).set(each.alias, joinText(each, owner, relation, ' join '))
    }
  }

  named(query: NamedQuery): void {
    this.#names ??= new Map()
    let name = this.#names.get(query)
    if (name === undefined) {
      name = quote(`data_bridge_${this.#names.size}`)
      this.#names.set(query, name)
      this.#with.push(this.#apart(`${name}${query.as} (`, query))
    }
    this.#pieces.push(name)
  }

  reads(table: TableMetadata | 'any'): void {
    if (table === 'any') this.#readsAny = true
    else this.#tables.add(table)
  }

  /** The text of a query that stands before the statement, and knows nothing of what is around it. */
  #apart(before: string, query: NamedQuery): string {
    const outer = { pieces: this.#pieces, scopes: this.#scopes }
    this.#pieces = [before]
    this.#scopes = []
    query.writeQuery(this)
    this.#pieces.push(')')
    const text = this.#pieces.join('')
    this.#pieces = outer.pieces
    this.#scopes = outer.scopes
    return text
  }

  #writeRows({ table, rows, alias }: Source): void {
    if (rows === undefined) this.#pieces.push(quoteTable(table))
    else rows.write(this)
    this.#pieces.push(` as ${quote(alias)}`)
  }

  #keepPlace({ places }: Scope, source: Source): void {
    places.set(source, this.#pieces.push('') - 1)
  }

  #join(source: Source, name: string): void {
    const own = scopeOf(source)
    if (this.#scopes.length === 0 && source.via === undefined && !this.#isWhole) return
    const scope = this.#scopes.findLast((each) => each.source.alias === own.alias)
    if (scope?.source !== own) throw strangerError(scope ?? this.#scopes[0], source, name)
    this.#addJoin(scope, source)
  }

  #addJoin(scope: Scope, source: Source): void {
    if (source.via === undefined) return
    const joins = this.#joinsOf(scope, source)
    if (joins.has(source.alias)) return
    const { owner, relation } = source.via
    this.#addJoin(scope, owner)
    this.reads(relation.target)
    joins.set(source.alias, joinText(source, owner, relation))
  }

  #joinsOf(scope: Scope, source: Source): Map<string, string> {
    const root = rootOf(source)
    let joins = scope.joins.get(root)
    if (joins !== undefined) return joins
    if (root.beside !== undefined && scope.places.size > 0 && !scope.places.has(root)) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_QUERY',
        `the condition of a join expected columns of the joined ${root.table.entityName}, got one behind a relation: filter by it`,
      )
    }
    scope.joins.set(root, (joins = new Map()))
    return joins
  }
}

type Relation = NonNullable<Source['via']>['relation']

function joinText(
  { table, alias }: Source,
  owner: Source,
  { pairs }: Relation,
  word = ' left join ',
): string {
  const on = (inner: string): string =>
    pairs
      .map(
        (pair) =>
          `${inner}.${quote(pair[1].name)} = ${quote(owner.alias)}.${quote(pair[0].name)}${castOfPair(pair)}`,
      )
      .join(' and ')
  const remotes = pairs.map(([, remote]) => remote)
  if (table.isUnique(remotes))
    return `${word}${quoteTable(table)} as ${quote(alias)} on ${on(quote(alias))}`
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
