import { hash } from 'node:crypto'
import type { Parameter } from './node.ts'

/** `read` may run outside a transaction, `write` begins one. */
export type StatementKind = 'read' | 'write'

/** What is sent to PostgreSQL. */
export interface Statement {
  readonly text: string
  readonly parameters: readonly Parameter[]
  readonly kind: StatementKind
  /** Low-cardinality: the verb and its table, `SELECT users`. */
  readonly summary: string
  /** The name under which the connection prepares it; without: not prepared. */
  readonly name?: string
}

type Compiled = Pick<Statement, 'text' | 'name'>

const largestCache = 500

/** The names of what connections prepare: they keep it as long as they live, so there is an end to it. */
export class PreparedNames {
  readonly #most: number
  readonly #given = new Map<string, string>()

  constructor(most: number) {
    this.#most = most
  }

  /** The name of a text: always the same; none where too many others have one. */
  of(text: string): string | undefined {
    const given = this.#given.get(text)
    if (given !== undefined || this.#given.size >= this.#most) return given
    const name = `data_bridge_${hash('sha1', text).slice(0, 24)}`
    this.#given.set(text, name)
    return name
  }
}

// Of all tables: a connection has one place for them all.
const allNames = new PreparedNames(1000)

/**
 * Compiled text by shape. A statement is prepared from its second use on, so that a text that is
 * used once costs neither the client nor the server a place.
 */
export class StatementCache {
  readonly #names: PreparedNames
  readonly #compiled = new Map<string, Compiled>()

  constructor(names: PreparedNames = allNames) {
    this.#names = names
  }

  get(shape: string, build: () => string): Compiled {
    const known = this.#compiled.get(shape)
    if (known?.name !== undefined) return known
    if (known === undefined && this.#compiled.size >= largestCache) this.#forgetOldest()
    const text = known?.text ?? build()
    const name = known === undefined ? undefined : this.#names.of(text)
    const compiled = name === undefined ? { text } : { text, name }
    this.#compiled.set(shape, compiled)
    return compiled
  }

  #forgetOldest(): void {
    const oldest = this.#compiled.keys().next()
    if (oldest.done !== true) this.#compiled.delete(oldest.value)
  }
}

const caches = new WeakMap<object, StatementCache>()

/** The statements of one table. */
export function statementsOf(table: object): StatementCache {
  let cache = caches.get(table)
  if (cache === undefined) caches.set(table, (cache = new StatementCache()))
  return cache
}
