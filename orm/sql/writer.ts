import { DataBridgeError } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { quote } from './identifier.ts'
import type { SqlNode } from './node.ts'

/** Renders nodes into a statement's text, numbering its parameters. */
export class SqlWriter {
  readonly #table: TableMetadata | undefined
  #text = ''
  #parameters = 0

  /** @param table the table that the statement is about; without: SQL of the program's own */
  constructor(table?: TableMetadata) {
    this.#table = table
  }

  get text(): string {
    return this.#text
  }

  append(text: string): this {
    this.#text += text
    return this
  }

  /** The next parameter: `$1`. */
  parameter(): this {
    this.#parameters += 1
    return this.append(`$${this.#parameters}`)
  }

  /** A column. Of another table it would be taken for one of this table, since both have the same alias. */
  column(table: TableMetadata, alias: string, name: string): this {
    if (this.#table === undefined || this.#table === table)
      return this.append(`${quote(alias)}.${quote(name)}`)
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `a query of ${this.#table.entityName} expected its own columns; came ${name} of ${table.entityName}, kept from the callback of another query`,
    )
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
