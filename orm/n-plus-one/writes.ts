import type { SentStatement } from '../observe/observer.ts'

const writesOne = /^\s*(?:insert\s+into|update(?:\s+only)?)\s+((?:"?[\w$]+"?\s*\.\s*)?"?[\w$]+"?)/i

/** When the sessions of a unit have written which tables. */
export class Writes {
  #now = 0
  #lastAnywhere = 0
  readonly #last = new Map<string, number>()

  /** Grows with each write. */
  get now(): number {
    return this.#now
  }

  written({ text, summary, operation }: SentStatement): void {
    this.#now += 1
    const isOwn = operation?.kind === 'query' && operation.name === 'execute'
    const table = isOwn
      ? writesOne.exec(text)?.[1]
      : /^(?:INSERT|UPDATE) ([^,]+)$/.exec(summary)?.[1]
    // A deleted row may take others along, and other SQL may do anything.
    if (table === undefined) this.#lastAnywhere = this.#now
    else this.#last.set(nameOf(table), this.#now)
  }

  /** Whether something was written since then that a statement may read: all whose names are in its text. */
  haveConcerned(text: string, since: number): boolean {
    if (since === this.#now) return false
    if (this.#lastAnywhere > since) return true
    for (const [table, at] of this.#last) if (at > since && text.includes(table)) return true
    return false
  }
}

/** Without its schema: a text may say it or not. */
function nameOf(table: string): string {
  return (table.split('.').at(-1) ?? table).replaceAll(/["\s]/g, '')
}
