import type { SessionConnection } from '../driver/session-connection.ts'
import { DataBridgeError } from '../errors.ts'
import { observed, type Observer } from '../observe/observer.ts'
import type { Operation, QueryOperation } from '../observe/operation.ts'
import type { QueryContext } from '../query/run.ts'
import type { ReadTables } from '../sql/text-sink.ts'
import type { RawRows } from '../relations/context.ts'
import { selectByKey } from '../relations/related.ts'
import { reload } from '../entity/absorb.ts'
import type { Entity } from '../entity/entity.ts'
import { hydrate } from '../entity/hydrate.ts'
import { type EntityOwner, type RawRow, stateOf } from '../entity/entity-state.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { identityOf, joinTexts, storedKey } from '../entity/identity.ts'
import { keyTexts } from './key.ts'
import type { Statement } from '../sql/statement.ts'
import type { Flusher } from './flusher.ts'
import type { SessionParts } from './session-parts.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/** The reading side of a session: rows become entities, each row the same one. */
export class EntitySource implements QueryContext {
  readonly observer: Observer
  readonly #owner: EntityOwner
  readonly #connection: SessionConnection
  readonly #work: UnitOfWork
  readonly #flusher: Flusher
  readonly #inFlight = new Map<TableMetadata, Map<string, Promise<unknown>>>()

  constructor(
    owner: EntityOwner,
    { connection, observer }: SessionParts,
    work: UnitOfWork,
    flusher: Flusher,
  ) {
    this.#owner = owner
    this.#connection = connection
    this.observer = observer
    this.#work = work
    this.#flusher = flusher
  }

  beforeQuery(reads: ReadTables, operation: QueryOperation): Promise<void> {
    return this.#flusher.beforeQuery(reads, operation)
  }

  rows(statement: Statement, operation: Operation): Promise<RawRows> {
    return this.#connection.rows(statement, operation)
  }

  held(table: TableMetadata, key: string): Entity | undefined {
    return this.#work.identity.get(table, key)
  }

  entitiesOf(table: TableMetadata, rows: readonly RawRow[]): Entity[] {
    return rows.map((row) => {
      const key = identityOf(table, row)
      const held = this.held(table, key)
      if (held !== undefined) return held
      const entity = hydrate(table, row, this.#owner)
      this.#work.identity.set(table, key, entity)
      this.#work.read(entity)
      return entity
    })
  }

  /** The entity with this key: by the identity map, or with one statement. */
  async get(table: TableMetadata, key: unknown): Promise<Entity | null> {
    const texts = keyTexts(table, key)
    const text = joinTexts(texts)
    const held = this.held(table, text)
    const operation = getOperation(table, held !== undefined)
    const find = async (): Promise<Entity | null> => {
      if (held !== undefined) return held
      await this.#flusher.beforeGet(operation)
      return this.shared(table, text, () => this.#fetch(table, texts, operation))
    }
    const found = await observed(this.observer, operation, find, (entity) => ({
      rows: entity === null ? 0 : 1,
    }))
    return found !== null && stateOf(found).lifecycle !== 'deleted' ? found : null
  }

  /** Reads the row of an entity again. */
  async refresh(entity: Entity): Promise<void> {
    const { table } = stateOf(entity)
    const operation = getOperation(table, false)
    const key = storedKey(entity)
    const read = async (): Promise<void> => {
      const { rows } = await this.rows(selectByKey(table, key), operation)
      if (rows[0] !== undefined) {
        reload(entity, rows[0])
        return this.#work.read(entity)
      }
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_NOT_FOUND',
        `refresh() found no row of this ${table.entityName}; it was deleted`,
      )
    }
    await observed(this.observer, operation, read, () => ({ rows: 1 }))
  }

  async #fetch(
    table: TableMetadata,
    key: readonly string[],
    operation: QueryOperation,
  ): Promise<Entity | null> {
    const { rows } = await this.rows(selectByKey(table, key), operation)
    return this.entitiesOf(table, rows)[0] ?? null
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

function getOperation(table: TableMetadata, cacheHit: boolean): QueryOperation {
  return { kind: 'query', name: 'get', table, filters: 1, limit: undefined, cacheHit }
}
