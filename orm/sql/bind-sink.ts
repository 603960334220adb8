import { isDeepStrictEqual } from 'node:util'
import { DataBridgeError } from '../errors.ts'
import type { NamedQuery, Parameter, Sink, SqlNode } from './node.ts'
import type { Source } from './source.ts'

const mostParameters = 65_535

const from = (): void => {}

/** Takes the parameters of nodes, in the order in which they are numbered in the text. */
class BindSink implements Sink {
  readonly parameters: Parameter[] = []
  #named: Map<NamedQuery, number> | undefined
  #names = ''

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

  column(): void {}

  scope({ rows }: Source, write: (from: () => void) => void): void {
    write(rows === undefined ? from : () => rows.write(this))
  }

  joined({ rows }: Source, _word: string, on: SqlNode): void {
    rows?.write(this)
    on.write(this)
  }

  requires(): void {}

  named(query: NamedQuery): void {
    this.#named ??= new Map()
    const known = this.#named.get(query)
    this.#names += `@${known ?? this.#named.size}`
    if (known !== undefined) return
    this.#named.set(query, this.#named.size)
    query.writeQuery(this)
  }

  reads(): void {}
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
