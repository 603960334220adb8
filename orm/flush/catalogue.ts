import { DataBridgeError } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { factQuery, readFacts } from '../sql/fact-query.ts'
import { TableFacts } from '../sql/table-facts.ts'

type Rows = readonly (readonly (string | null)[])[]

/** Asks the catalogue of PostgreSQL; undefined if the role must not read it. */
export type LookUp = (text: string, parameters: readonly string[]) => Promise<Rows | undefined>

const unknown = new WeakMap<TableMetadata, TableFacts>()

function unknownFacts(table: TableMetadata): TableFacts {
  let facts = unknown.get(table)
  if (facts === undefined) unknown.set(table, (facts = new TableFacts(table, undefined)))
  return facts
}

/** The facts of the catalogue about tables. It is asked once for each table, for all sessions of a database. */
export class Catalogue {
  readonly #known = new Map<TableMetadata, TableFacts>()

  /** The known facts of a table. */
  readonly factsOf = (table: TableMetadata): TableFacts =>
    this.#known.get(table) ?? unknownFacts(table)

  /** Asks for the tables that are not known yet, with one statement. Undefined if all are known. Refuses tables that lack their xmin. */
  learn(tables: Iterable<TableMetadata>, lookUp: LookUp): Promise<void> | undefined {
    let missing: TableMetadata[] | undefined
    for (const table of tables) if (!this.#known.has(table)) (missing ??= []).push(table)
    return missing === undefined ? undefined : this.#ask(missing, lookUp)
  }

  async #ask(missing: readonly TableMetadata[], lookUp: LookUp): Promise<void> {
    const { text, parameters } = factQuery(missing)
    const rows = await lookUp(text, parameters)
    if (rows === undefined) {
      for (const table of missing) this.#known.set(table, new TableFacts(table, undefined))
      return
    }
    // A missing table may be created at any time.
    for (const [table, entry] of readFacts(missing, rows)) {
      if (table.hasXmin && !entry.hasXmin) throw noXminError(table)
      this.#known.set(table, new TableFacts(table, entry))
    }
  }

  /** Forgets a table, which has changed. */
  forget(table: TableMetadata): void {
    this.#known.delete(table)
  }

  /** Forgets all tables, since SQL changed the schema. */
  clear(): void {
    this.#known.clear()
  }
}

function noXminError({ entityName, fullName }: TableMetadata): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `${entityName} has version: 'xmin', which expected an ordinary or a partitioned table; ${fullName} is a view or a ` +
      'foreign table, or has foreign partitions: use a column with version(), if it has one',
  )
}
