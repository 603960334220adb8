import { DataBridgeError } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { type Defaults, noDefaults, writeFilterOf } from './defaults.ts'
import { quote, quoteTable } from './identifier.ts'
import type { NamedQuery, Sink, SqlNode } from './node.ts'
import { castOfPair } from './pair-cast.ts'
import { rootOf, scopeOf, type Source } from './source.ts'

/** The tables that a statement reads. Your own SQL may read any table. */
export type ReadTables = readonly TableMetadata[] | 'any'

/** A query or sub-query that is being written. */
interface Scope {
  readonly source: Source
  readonly defaults: Defaults
  /** The joins that columns ask for, by their aliases, behind each source of the FROM, by its shape. */
  readonly joins: Map<string, Map<string, Join>>
  /** Where those joins will stand: they are known at the end. Empty before the FROM. */
  readonly places: Map<string, number>
  /** The columns of joined queries, one of each: whether those are joined is known at the end too. */
  readonly used: Map<string, ColumnName>
}

/** A join that a column asks for. */
interface Join {
  readonly word: ' join ' | ' left join '
  readonly text: string
}

interface ColumnName {
  readonly source: Source
  readonly name: string
}

/** Renders nodes into a statement's text: numbers its parameters, derives its joins, sees what it reads. */
export class TextSink implements Sink {
  #pieces: string[] = []
  #scopes: Scope[] = []
  // Those around a query that is written before the statement.
  #outside: readonly Scope[] = []
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
    const own = /^\s*with\s+(recursive\s+)?/i.exec(text)
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

  scope(source: Source, write: (from: () => void) => void, defaults: Defaults): void {
    const scope: Scope = {
      source,
      defaults,
      joins: new Map(),
      places: new Map(),
      used: new Map(),
    }
    this.#scopes.push(scope)
    // An UPDATE names its table itself, and joins nothing.
    if (source.rows === undefined) this.reads(source.table)
    write(() => {
      this.#pieces.push(' from ')
      this.#writeRows(source)
      this.#keepPlace(scope, source)
    })
    for (const [shape, column] of scope.used)
      if (!scope.places.has(shape)) throw this.#strangerError(column, scope)
    this.#scopes.pop()
    scope.places.forEach((place, behind) => {
      const joins = [...(scope.joins.get(behind)?.values() ?? [])]
      this.#pieces[place] = joins.map(({ word, text }) => word + text).join('')
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
      const joins = this.#joinsOf(scope, each)
      joins.set(each.alias, { ...(joins.get(each.alias) as Join), word: ' join ' })
    }
  }

  defaultsFor(source: Source): Defaults {
    return this.#scopeOf(source)?.defaults ?? noDefaults
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
    const outer = { pieces: this.#pieces, scopes: this.#scopes, outside: this.#outside }
    this.#pieces = [before]
    this.#outside = [...outer.outside, ...outer.scopes]
    this.#scopes = []
    query.writeQuery(this)
    this.#pieces.push(')')
    const text = this.#pieces.join('')
    this.#pieces = outer.pieces
    this.#scopes = outer.scopes
    this.#outside = outer.outside
    return text
  }

  #writeRows({ table, rows, alias }: Source): void {
    if (rows === undefined) this.#pieces.push(quoteTable(table))
    else rows.write(this)
    this.#pieces.push(` as ${quote(alias)}`)
  }

  #keepPlace({ places }: Scope, source: Source): void {
    places.set(source.shape, this.#pieces.push('') - 1)
  }

  #join(source: Source, name: string): void {
    const own = scopeOf(source)
    if (this.#scopes.length === 0 && source.via === undefined && !this.#isWhole) return
    const scope = this.#scopeOf(source)
    // By their shapes, since a statement of a known shape is not written again.
    if (scope?.source.shape !== own.shape)
      throw this.#strangerError({ source, name }, scope ?? this.#scopes[0])
    const root = rootOf(source)
    if (root.beside !== undefined) scope.used.set(root.shape, { source, name })
    this.#addJoin(scope, source)
  }

  #addJoin(scope: Scope, source: Source): void {
    if (source.via === undefined) return
    const joins = this.#joinsOf(scope, source)
    if (joins.has(source.alias)) return
    const { owner, relation } = source.via
    this.#addJoin(scope, owner)
    this.reads(relation.target)
    const filter = scope.defaults.behind(relation)
    // Here, since the parameters of the filter are numbered here.
    const narrowed = (alias: string): string =>
      this.#aside(() => writeFilterOf(this, ' and ', filter, alias))
    joins.set(source.alias, {
      word: ' left join ',
      text: joinText(source, owner, relation, narrowed),
    })
  }

  #scopeOf(source: Source): Scope | undefined {
    const { alias } = scopeOf(source)
    return this.#scopes.findLast((each) => each.source.alias === alias)
  }

  /** The text of a part that stands elsewhere. */
  #aside(write: () => void): string {
    const outer = this.#pieces
    this.#pieces = []
    write()
    const text = this.#pieces.join('')
    this.#pieces = outer
    return text
  }

  #joinsOf(scope: Scope, source: Source): Map<string, Join> {
    const root = rootOf(source)
    let joins = scope.joins.get(root.shape)
    if (joins !== undefined) return joins
    if (root.beside !== undefined && scope.places.size > 0 && !scope.places.has(root.shape)) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_QUERY',
        `the condition of a join expected columns of the joined ${root.table.entityName}, got one behind a relation: filter by it`,
      )
    }
    scope.joins.set(root.shape, (joins = new Map()))
    return joins
  }

  #strangerError({ source, name }: ColumnName, scope: Scope | undefined): DataBridgeError {
    const query =
      scope === undefined
        ? 'a template that is executed by itself'
        : `a query of ${scope.source.table.entityName}`
    return new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${query} expected its own columns, got ${name} of ${source.table.entityName}${this.#whyStrange(source, scope)}`,
    )
  }

  #whyStrange(source: Source, scope: Scope | undefined): string {
    const kept = ', kept from the callback of another query'
    if (scope === undefined) return `${kept}: name a column by ${source.table.entityName}.columns`
    const { shape } = scopeOf(source)
    const isOwn = (each: Scope): boolean => each.source.shape === shape
    if (this.#outside.some(isOwn))
      return ' in the query around it: what cte() and recursive() name is read before that'
    // Of the same rows it is a column of a query that is not joined to them.
    if (isOwn(scope) || !this.#scopes.some(isOwn)) return kept
    return ' in the query around it: begin the inner query with find() in the callback'
  }
}

type Relation = NonNullable<Source['via']>['relation']

/**
 * A join without its first words.
 *
 * @param narrowed what follows the condition on the keys, of a table under an alias
 */
function joinText(
  { table, alias }: Source,
  owner: Source,
  { pairs }: Relation,
  narrowed: (alias: string) => string,
): string {
  const on = (inner: string): string =>
    pairs
      .map(
        (pair) =>
          `${inner}.${quote(pair[1].name)} = ${quote(owner.alias)}.${quote(pair[0].name)}${castOfPair(pair)}`,
      )
      .join(' and ') + narrowed(inner)
  const remotes = pairs.map(([, remote]) => remote)
  if (table.isUnique(remotes))
    return `${quoteTable(table)} as ${quote(alias)} on ${on(quote(alias))}`
  // Of several rows behind a to-one relation one is taken, the same that loading it gives: the root's rows stay what they are.
  const row = quote('row')
  const key = table.primaryKey.map(({ name }) => `${row}.${quote(name)}`).join(', ')
  return (
    `lateral (select ${row}.* from ${quoteTable(table)} as ${row} where ${on(row)} ` +
    `order by ${key} limit 1) as ${quote(alias)} on true`
  )
}
