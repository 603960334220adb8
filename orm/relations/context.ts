import type { Observer } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { Entity } from '../entity/entity.ts'
import type { Identity } from '../entity/identity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import type { Statement } from '../sql/statement.ts'

/** Rows as the decoder of their statement reads them, or else as PostgreSQL's texts, and the driver's parser for those. */
export interface ReadRows {
  readonly rows: readonly Row[]
  parse(column: number, text: string): unknown
}

/** Takes the rows of one result while they arrive. */
export interface EntityCollector {
  /** Takes a row: of an entity that the session holds, or of a new one, which nobody sees yet. */
  row(row: Row): void
  /** The entities of the rows, which the session holds from now on. Called once, when the statement has succeeded. */
  entities(): Entity[]
}

/** The parts of a session that loading uses. */
export interface LoadContext {
  readonly observer: Observer
  rows(statement: Statement, operation: Operation): Promise<ReadRows>
  collect(table: TableMetadata): EntityCollector
  /** The entities of rows: those that the session holds already, and new ones. */
  entitiesOf(table: TableMetadata, rows: readonly Row[]): Entity[]
  /** The entity that the session holds with this identity. */
  held(table: TableMetadata, key: Identity): Entity | undefined
}
