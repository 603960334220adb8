import type { SessionConnection } from '../driver/session-connection.ts'
import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { identityOf } from '../entity/identity.ts'
import { DataBridgeError, describe } from '../errors.ts'
import type { Catalogue } from '../flush/catalogue.ts'
import { refusedCopyError } from '../flush/copy-errors.ts'
import { CopyRows } from '../flush/copy-rows.ts'
import { rereadVersions } from '../flush/insert.ts'
import { insertOrUpdate, type StoredRow } from '../flush/upsert.ts'
import { observed, type Observer } from '../observe/observer.ts'
import type { Outcome, QueryOperation } from '../observe/operation.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { copyStatement } from '../sql/copy-text.ts'
import { isInUniqueKey } from '../sql/unique-keys.ts'
import type { Conflict } from '../sql/upsert-statements.ts'
import type { UnitOfWork } from '../unit-of-work/unit-of-work.ts'
import type { EntitySource } from './entity-source.ts'
import type { Flusher } from './flusher.ts'
import { bulkOperation } from './operations.ts'
import type { SessionCore } from './session-core.ts'
import type { SessionLife } from './session-life.ts'
import type { SessionParts } from './session-parts.ts'

/** Writes of many rows beside the unit of work, in the session's transaction. */
export class BulkWrites {
  readonly #life: SessionLife
  readonly #work: UnitOfWork
  readonly #flusher: Flusher
  readonly #source: EntitySource
  readonly #connection: SessionConnection
  readonly #observer: Observer
  readonly #catalogue: Catalogue

  constructor(
    { life, work, flusher, source }: SessionCore,
    { connection, observer, catalogue }: SessionParts,
  ) {
    this.#life = life
    this.#work = work
    this.#flusher = flusher
    this.#source = source
    this.#connection = connection
    this.#observer = observer
    this.#catalogue = catalogue
  }

  /** Makes entities of rows, and inserts them as a flush does. */
  async insert(table: TableMetadata, rows: unknown): Promise<Entity[]> {
    const entities = newEntities(table, rows)
    if (entities.length === 0) return entities
    const operation = bulkOperation('insert', table)
    const insert = async (): Promise<Entity[]> => {
      this.#work.addAll(entities)
      try {
        await this.#flusher.flush(operation)
      } catch (error) {
        // Nothing is left to flush of a call that has failed.
        for (const entity of entities)
          if (stateOf(entity).lifecycle === 'added') this.#work.delete(entity)
        throw error
      }
      return entities
    }
    return observed(this.#observer, operation, insert, countEntities)
  }

  /** Inserts rows, or changes those that are there. Gives the entities of the stored rows, in the order of the given ones. */
  async insertOrUpdate(
    name: 'insert' | 'upsert',
    table: TableMetadata,
    rows: unknown,
    conflict: Conflict,
  ): Promise<Entity[]> {
    const given = newEntities(table, rows)
    if (given.length === 0) return given
    const operation = bulkOperation(name, table)
    const write = async (): Promise<Entity[]> => {
      await this.#flusher.beforeWrites(table, conflict.update.length > 0, operation)
      const writer = this.#flusher.writer(operation)
      const stored = await insertOrUpdate(writer, table, given, conflict)
      const entities = this.#keep(
        table,
        given.flatMap((entity) => stored.get(entity) ?? []),
        conflict,
      )
      if (entities.length > 0) await rereadVersions(writer, table, entities)
      await writer.settle()
      return entities
    }
    return observed(this.#observer, operation, () => this.#flusher.alone(write), countEntities)
  }

  /** The entities of rows that were written. Those that the session holds already are renewed. */
  #keep(table: TableMetadata, stored: readonly StoredRow[], { update }: Conflict): Entity[] {
    const held = this.#work.identity.of(table)
    const before = stored.map(({ row }) => {
      const entity = held.get(identityOf(table, row))
      return entity === undefined ? row : stateOf(entity).snapshot
    })
    const facts = this.#catalogue.factsOf(table)
    // Foreign keys of other tables may follow.
    if (!facts.isPlain || update.some(({ position }) => isInUniqueKey(table, facts, position)))
      this.#work.undo.wroteUnseen()
    const collector = this.#source.collect(table, true)
    for (const { row } of stored) collector.row(row)
    const entities = collector.entities()
    entities.forEach((entity, index) => {
      const isNew = stored[index]?.isNew
      if (isNew !== false) this.#work.wroteBeside(entity, isNew ? undefined : before[index])
    })
    this.#flusher.inserted(
      table,
      entities.filter((_, index) => stored[index]?.isNew),
    )
    return entities
  }

  /** Sends rows by COPY, and gives their number. */
  async copy(table: TableMetadata, given: unknown): Promise<number> {
    const rows = new CopyRows(table, given)
    const operation = bulkOperation('copy', table)
    const copy = async (): Promise<number> => {
      try {
        const beginning = this.#connection.reading(() => rows.begin())
        if (!(await this.#life.waitFor(beginning))) return 0
        await this.#flusher.alone(() => this.#flusher.beforeWrites(table, false, operation))
        return await this.#copy(table, rows, operation)
      } finally {
        rows.end()
      }
    }
    return this.#flusher.tracked(
      observed(this.#observer, operation, copy, (count) => ({ rows: count })),
    )
  }

  async #copy(table: TableMetadata, rows: CopyRows, operation: QueryOperation): Promise<number> {
    const { factsOf } = this.#catalogue
    const statement = copyStatement(table, rows.columns(factsOf(table)))
    const count = await this.#connection.copy(statement, rows, operation, {
      refused: (error, cause) => refusedCopyError(error, cause, table, factsOf),
    })
    this.#work.executed()
    this.#flusher.inserted(table, [rows])
    return count
  }
}

const countEntities = ({ length }: readonly Entity[]): Outcome => ({ rows: length })

function newEntities(table: TableMetadata, rows: unknown): Entity[] {
  if (!Array.isArray(rows))
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `insertMany(${table.entityName}) expected an array of rows, got ${describe(rows)}`,
    )
  const entity = table.entity as unknown as new (values: unknown) => Entity
  return (rows as readonly unknown[]).map((values) => new entity(values))
}
