import { isDeepStrictEqual } from 'node:util'
import { DataBridgeError } from '../errors.ts'
import { type Defaults, noDefaults } from './defaults.ts'
import type { NamedQuery, Parameter, Sink, SqlNode } from './node.ts'
import { scopeOf, type Source } from './source.ts'

const mostParameters = 65_535

const from = (): void => {}

/** A query or sub-query that is being written. */
interface Scope {
  readonly source: Source
  readonly defaults: Defaults
  readonly outer: Scope | undefined
  /** The aliases of joined rows whose filters have parameters already. */
  filtered: Set<string> | undefined
}

/** Takes the parameters of nodes, in the order in which they are numbered in the text. */
class BindSink implements Sink {
  readonly parameters: Parameter[] = []
  #named: Map<NamedQuery, number> | undefined
  #names = ''
  #scope: Scope | undefined

  /** Which of its named queries the statement names, in order: shapes do not tell the same query from an equal one. */
  get names(): string {
    return this.#names
  }

  text(): void {}

  parameter(value: Parameter): void {
    // The protocol counts them with sixteen bits.
    if (this.parameters.length === mostParameters) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_INVALID_VALUE',
        `a statement expected at most ${mostParameters} values, got more: give a list to in(), which is one value`,
      )
    }
    this.parameters.push(value)
  }

  column(source: Source): void {
    if (source.via === undefined) return
    const scope = this.#scopeOf(source)
    if (scope !== undefined) this.#filterJoined(scope, source)
  }

  scope(source: Source, write: (from: () => void) => void, defaults: Defaults): void {
    const { rows } = source
    const outer = this.#scope
    this.#scope = { source, defaults, outer, filtered: undefined }
    write(rows === undefined ? from : () => rows.write(this))
    this.#scope = outer
  }

  defaultsFor(source: Source): Defaults {
    return this.#scopeOf(source)?.defaults ?? noDefaults
  }

  joined({ rows }: Source, _word: string, on: SqlNode): void {
    rows?.write(this)
    on.write(this)
  }

  requires(source: Source): void {
    this.column(source)
  }

  named(query: NamedQuery): void {
    this.#named ??= new Map()
    const known = this.#named.get(query)
    this.#names += `@${known ?? this.#named.size}`
    if (known !== undefined) return
    this.#named.set(query, this.#named.size)
    query.writeQuery(this)
  }

  reads(): void {}

  #scopeOf(source: Source): Scope | undefined {
    const { alias } = scopeOf(source)
    let scope = this.#scope
    while (scope !== undefined && scope.source.alias !== alias) scope = scope.outer
    return scope
  }

  /** The first column behind a to-one relation joins it: its filter is numbered there, wherever its text stands. */
  #filterJoined(scope: Scope, { alias, via }: Source): void {
    if (via === undefined || scope.filtered?.has(alias) === true) return
    this.#filterJoined(scope, via.owner)
    const filter = scope.defaults.behind(via.relation)
    if (filter === undefined) return
    scope.filtered ??= new Set()
    scope.filtered.add(alias)
    filter.write(this, from)
  }
}

/** The parameters of a tree, in the order in which its text numbers them. */
export function parametersOf(node: SqlNode): readonly Parameter[] {
  return bind(node).parameters
}

/** Whether two trees are the same SQL with the same parameters. */
export function isSame(one: SqlNode, other: SqlNode): boolean {
  if (one === other) return true
  return one.shape === other.shape && isDeepStrictEqual(parametersOf(one), parametersOf(other))
}

/** The parameters of a tree, and the {@link BindSink.names} of its named queries. */
export function bind(node: SqlNode): Pick<BindSink, 'parameters' | 'names'> {
  const sink = new BindSink()
  node.write(sink)
  return sink
}
