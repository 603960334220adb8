import type { SessionConnection } from '../driver/session-connection.ts'
import { DataBridgeError } from '../errors.ts'
import { observed, type Observer } from '../observe/observer.ts'
import type { Operation, Outcome, QueryOperation } from '../observe/operation.ts'
import type { QueryContext } from '../query/run.ts'
import type { ReadTables } from '../sql/text-sink.ts'
import type { RawRows } from '../relations/context.ts'
import { reload } from '../entity/absorb.ts'
import type { Entity } from '../entity/entity.ts'
import { hydrate } from '../entity/hydrate.ts'
import { type EntityOwner, type RawRow, stateOf } from '../entity/entity-state.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { identityOf, joinTexts, storedKey } from '../entity/identity.ts'
import { type KeyParts, selectByKey, selectByKeys } from '../sql/key-statements.ts'
import { exactTexts, keyList, keyParts } from './key.ts'
import type { Statement } from '../sql/statement.ts'
import type { Flusher } from './flusher.ts'
import type { SessionParts } from './session-parts.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/** The reading side of a session. A row always becomes the same entity. */
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

  give<T>(work: () => Promise<T> | T): Promise<T> {
    return this.#owner.give(work)
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

  /** The entity with this key, from the identity map or with one statement. */
  async get(table: TableMetadata, key: unknown): Promise<Entity | null> {
    const parts = keyParts(table, key)
    const held = this.#heldBy(table, parts)
    const operation = getOperation(table, held !== undefined)
    const find = async (): Promise<Entity | null> => {
      if (held !== undefined) return held
      await this.#flusher.beforeGet(operation)
      return this.shared(table, joinTexts(parts.flat()), () => this.#fetch(table, parts, operation))
    }
    const found = await observed(this.observer, operation, find, countOne)
    return found !== null && isPresent(found) ? found : null
  }

  /** The entities with these keys, in their order, from the identity map and with one statement for the rest. */
  async getMany(table: TableMetadata, keys: unknown): Promise<Entity[]> {
    const list = keyList(table, keys)
    const found = list.map((parts) => this.#heldBy(table, parts))
    const operation = getOperation(table, !found.includes(undefined))
    const find = async (): Promise<Entity[]> => {
      if (operation.cacheHit !== true) {
        await this.#flusher.beforeGet(operation)
        await this.#fetchMissing(table, list, found, operation)
      }
      return found.filter((entity) => entity !== undefined && isPresent(entity)) as Entity[]
    }
    return observed(this.observer, operation, find, ({ length }) => ({ rows: length }))
  }

  /** Reads the row of an entity again. */
  async refresh(entity: Entity): Promise<void> {
    const { table } = stateOf(entity)
    const operation = getOperation(table, false)
    const key = storedKey(entity)
    const read = async (): Promise<void> => {
      const { rows } = await this.rows(selectByKey(table, key), operation)
      const [row] = rows
      if (row === undefined) {
        throw new DataBridgeError(
          'DATA_BRIDGE_ERR_NOT_FOUND',
          `refresh() found no row of this ${table.entityName}; it was deleted`,
          { safeMessage: 'refresh() found no row; it was deleted' },
        )
      }
      requireOne(table, rows)
      reload(entity, row)
      this.#work.read(entity)
    }
    await observed(this.observer, operation, read, () => ({ rows: 1 }))
  }

  #heldBy(table: TableMetadata, parts: KeyParts): Entity | undefined {
    const texts = exactTexts(parts)
    return texts === undefined ? undefined : this.held(table, joinTexts(texts))
  }

  async #fetch(
    table: TableMetadata,
    key: KeyParts,
    operation: QueryOperation,
  ): Promise<Entity | null> {
    const { rows } = await this.rows(selectByKey(table, key), operation)
    requireOne(table, rows)
    return this.entitiesOf(table, rows)[0] ?? null
  }

  /** Loads the entities that were not held. Some may be held by now. */
  async #fetchMissing(
    table: TableMetadata,
    keys: readonly KeyParts[],
    found: (Entity | undefined)[],
    operation: QueryOperation,
  ): Promise<void> {
    const missing = [...found.keys()].filter((index) => found[index] === undefined)
    const wanted = missing.map((index) => keys[index] as KeyParts)
    const statement = selectByKeys(table, table.primaryKey, wanted)
    const { rows } = await this.rows(statement, operation)
    const entities = this.entitiesOf(
      table,
      rows.map((row) => row.slice(0, -1)),
    )
    entities.forEach((entity, index) => {
      const position = missing[Number(rows[index]?.at(-1)) - 1] as number
      if (found[position] !== undefined) throw severalError(table)
      found[position] = entity
    })
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

const countOne = (entity: Entity | null): Outcome => ({ rows: entity === null ? 0 : 1 })

function isPresent(entity: Entity): boolean {
  return stateOf(entity).lifecycle === 'stored'
}

function requireOne(table: TableMetadata, rows: readonly RawRow[]): void {
  if (rows.length > 1) throw severalError(table)
}

function severalError(table: TableMetadata): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_MULTIPLE_ROWS',
    `get(${table.entityName}) expected one row with this key, got several: the key in the database has more ` +
      'columns than the declared one, or the key is a Date and several rows lie within its millisecond',
  )
}
