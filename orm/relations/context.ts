import type { Observer } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { Entity } from '../entity/entity.ts'
import type { RawRow } from '../entity/entity-state.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Statement } from '../sql/statement.ts'

/** Rows as PostgreSQL's texts, and the driver's parser for them. */
export interface RawRows {
  readonly rows: readonly RawRow[]
  parse(column: number, text: string): unknown
}

/** The parts of a session that loading uses. */
export interface LoadContext {
  readonly observer: Observer
  rows(statement: Statement, operation: Operation): Promise<RawRows>
  /** The entities of rows: those that the session holds already, and new ones. */
  entitiesOf(table: TableMetadata, rows: readonly RawRow[]): Entity[]
  /** The entity that the session holds with this identity. */
  held(table: TableMetadata, key: string): Entity | undefined
}
