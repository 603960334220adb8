import type { SessionConnection } from '../driver/session-connection.ts'
import type { Observer } from '../observe/observer.ts'
import type { Operation, QueryOperation } from '../observe/operation.ts'
import type { QueryContext } from '../query/run.ts'
import { selectWhere } from '../relations/related.ts'
import { type Entity, hydrate } from '../schema/entity.ts'
import type { EntityOwner, RawRow } from '../schema/entity-state.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Statement } from '../sql/statement.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/** The reading side of a session: rows become entities, each row the same one. */
export class EntitySource implements QueryContext {
  readonly observer: Observer
  readonly #owner: EntityOwner
  readonly #connection: SessionConnection
  readonly #work: UnitOfWork
  readonly #beforeQuery: QueryContext['beforeQuery']
  readonly #inFlight = new Map<TableMetadata, Map<string, Promise<unknown>>>()

  constructor(
    owner: EntityOwner,
    connection: SessionConnection,
    observer: Observer,
    work: UnitOfWork,
    beforeQuery: QueryContext['beforeQuery'],
  ) {
    this.#owner = owner
    this.#connection = connection
    this.observer = observer
    this.#work = work
    this.#beforeQuery = beforeQuery
  }

  beforeQuery(tables: readonly TableMetadata[], operation: QueryOperation): Promise<void> {
    return this.#beforeQuery(tables, operation)
  }

  rows(statement: Statement, operation: Operation): Promise<{ readonly rows: readonly RawRow[] }> {
    return this.#connection.rows(statement, operation)
  }

  held(table: TableMetadata, key: string): Entity | undefined {
    return this.#work.identity.get(table, key)
  }

  entitiesOf(table: TableMetadata, rows: readonly RawRow[]): Entity[] {
    const { position } = table.primaryKey
    return rows.map((row) => {
      const key = row[position] as string
      const held = this.held(table, key)
      if (held !== undefined) return held
      const entity = hydrate(table, row, this.#owner)
      this.#work.identity.set(table, key, entity)
      return entity
    })
  }

  /** The row with this key, asked of the database. */
  async fetchRow(
    table: TableMetadata,
    key: unknown,
    operation: QueryOperation,
  ): Promise<RawRow | undefined> {
    const { rows } = await this.rows(selectWhere(table, table.primaryKey, key), operation)
    return rows[0]
  }

  async fetch(
    table: TableMetadata,
    key: unknown,
    operation: QueryOperation,
  ): Promise<Entity | null> {
    const row = await this.fetchRow(table, key, operation)
    return row === undefined ? null : (this.entitiesOf(table, [row])[0] ?? null)
  }

  /** Two loads of one row that are in flight at the same time share one statement. */
  shared<T>(table: TableMetadata, key: string, load: () => Promise<T>): Promise<T> {
    let loading = this.#inFlight.get(table)
    if (loading === undefined) this.#inFlight.set(table, (loading = new Map()))
    const underWay = loading.get(key)
    if (underWay !== undefined) return underWay as Promise<T>
    const started = load().finally(() => loading.delete(key))
    loading.set(key, started)
    return started
  }
}
