import type { TableMetadata } from '../schema/metadata.ts'
import type { RowDecoder } from '../schema/wire-form.ts'
import type { Parameter, SqlNode } from './node.ts'
import { preparedName } from './prepared-name.ts'
import { type ReadTables, TextSink } from './text-sink.ts'

/** `read` may run outside a transaction, `write` begins one. */
export type StatementKind = 'read' | 'write'

/** The parts of a statement that only depend on its shape. */
export interface Compiled {
  readonly text: string
  readonly kind: StatementKind
  /** Whether it begins a transaction although it reads: a lock would end with the statement. */
  readonly needsTransaction?: true
  /** The verb and the table, with few different values: `SELECT users`. */
  readonly summary: string
  /** The tables that it reads. */
  readonly tables: ReadTables
  /** How its rows are read; undefined: as PostgreSQL's texts. */
  readonly decoder?: RowDecoder | undefined
  /** The name under which the connection prepares it; without a name it is not prepared. */
  readonly name?: string
}

/** What is sent to PostgreSQL. */
export interface Statement extends Compiled {
  readonly parameters: readonly Parameter[]
}

const largestCache = 500
// In characters, of one statement and of a whole cache: shapes are as long as texts, and a client may choose how long.
const longestKept = 20_000
const largestKept = 2_000_000

/**
 * Compiled statements by shape. A statement is prepared from its second use on, so that a text that is
 * used once costs neither the client nor the server a place.
 */
export class StatementCache {
  readonly #compiled = new Map<string, Compiled>()
  #kept = 0

  get(shape: string, compile: () => Compiled): Compiled {
    const known = this.#compiled.get(shape)
    if (known?.name !== undefined) return known
    if (known === undefined) return this.#keep(shape, compile())
    const name = preparedName(known.text)
    if (name === undefined) return known
    const named = { ...known, name }
    this.#compiled.set(shape, named)
    return named
  }

  #keep(shape: string, compiled: Compiled): Compiled {
    const size = shape.length + compiled.text.length
    if (size > longestKept) return compiled
    this.#kept += size
    for (const [oldest, { text }] of this.#compiled) {
      if (this.#compiled.size < largestCache && this.#kept <= largestKept) break
      this.#compiled.delete(oldest)
      this.#kept -= oldest.length + text.length
    }
    this.#compiled.set(shape, compiled)
    return compiled
  }
}

/** The text of a tree, and the tables that it reads. */
export function render(
  node: SqlNode,
  sink: TextSink = new TextSink(),
): { readonly text: string; readonly tables: ReadTables } {
  node.write(sink)
  return { text: sink.rendered, tables: sink.tables }
}

const caches = new WeakMap<TableMetadata, StatementCache>()

/** The statements of one table. */
export function statementsOf(table: TableMetadata): StatementCache {
  let cache = caches.get(table)
  if (cache === undefined) caches.set(table, (cache = new StatementCache()))
  return cache
}
