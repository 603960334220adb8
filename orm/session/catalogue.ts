import type { TableMetadata } from '../schema/metadata.ts'
import { factQuery, readFacts } from '../sql/fact-query.ts'
import { TableFacts } from '../sql/table-facts.ts'

type Rows = readonly (readonly (string | null)[])[]

/** Asks the catalogue of PostgreSQL; undefined where the role must not read it. */
export type LookUp = (text: string, parameters: readonly string[]) => Promise<Rows | undefined>

/** What the database says of its tables: asked once for each, for all sessions. */
export class Catalogue {
  readonly #known = new Map<TableMetadata, TableFacts>()

  /** What is known already. */
  factsOf(table: TableMetadata): TableFacts {
    return this.#known.get(table) ?? new TableFacts(table, undefined)
  }

  /** Asks for those of the tables that are not known yet, with one statement. */
  async learn(tables: Iterable<TableMetadata>, lookUp: LookUp): Promise<void> {
    const missing = [...tables].filter((table) => !this.#known.has(table))
    if (missing.length === 0) return
    const { text, parameters } = factQuery(missing)
    const rows = await lookUp(text, parameters)
    if (rows === undefined) {
      for (const table of missing) this.#known.set(table, new TableFacts(table, undefined))
      return
    }
    // A table that is not there may be created at any time.
    for (const [table, entry] of readFacts(missing, rows))
      this.#known.set(table, new TableFacts(table, entry))
  }

  /** The table is not as it was known to be. */
  forget(table: TableMetadata): void {
    this.#known.delete(table)
  }

  /** SQL has changed the schema. */
  clear(): void {
    this.#known.clear()
  }
}
