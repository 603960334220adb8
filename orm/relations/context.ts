import type { Observer } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { Entity } from '../entity/entity.ts'
import type { RawRow } from '../entity/entity-state.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Statement } from '../sql/statement.ts'
import type { TableFacts } from '../sql/table-facts.ts'

/** Rows as PostgreSQL's texts, and what the driver makes of them. */
export interface RawRows {
  readonly rows: readonly RawRow[]
  parse(column: number, text: string): unknown
}

/** What loading needs of a session. */
export interface LoadContext {
  readonly observer: Observer
  rows(statement: Statement, operation: Operation): Promise<RawRows>
  /** The entities of rows: those that the session holds already, and new ones. */
  entitiesOf(table: TableMetadata, rows: readonly RawRow[]): Entity[]
  /** What the catalogue says of a table, which is asked for it once. */
  factsOf(table: TableMetadata, operation: Operation): Promise<TableFacts>
  /** The entity that the session holds under a key's text. */
  held(table: TableMetadata, key: string): Entity | undefined
}
