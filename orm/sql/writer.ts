import type { SqlNode } from './node.ts'

/** Renders nodes into a statement's text, numbering its parameters. */
export class SqlWriter {
  #text = ''
  #parameters = 0

  get text(): string {
    return this.#text
  }

  append(text: string): this {
    this.#text += text
    return this
  }

  /** The next parameter: `$1`, or `$1::integer[]`. */
  parameter(cast?: string): this {
    this.#parameters += 1
    this.#text += cast === undefined ? `$${this.#parameters}` : `$${this.#parameters}::${cast}`
    return this
  }

  node(node: SqlNode): this {
    node.write(this)
    return this
  }

  list(nodes: readonly SqlNode[], separator: string): this {
    nodes.forEach((node, index) => {
      if (index > 0) this.#text += separator
      node.write(this)
    })
    return this
  }
}

export function render(node: SqlNode): string {
  return new SqlWriter().node(node).text
}
