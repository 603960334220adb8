import type { NewRow } from '../entity/types.ts'
import type { AnyEntityClass, EntityOf } from '../schema/relation.ts'
import { tableOf } from '../schema/table-of.ts'
import { BulkWrites } from './bulk-writes.ts'
import {
  type ConflictColumns,
  conflictOf,
  insertConflict,
  type InsertOptions,
} from './conflict-options.ts'
import { SessionReads } from './session-reads.ts'

const noOptions = Object.freeze({})

/** The methods of a session that write many rows beside the unit of work. */
export abstract class BulkMethods extends SessionReads {
  #bulk(): BulkWrites {
    this.core.life.use()
    return new BulkWrites(this.core, this.parts)
  }

  /**
   * Inserts rows at once, with one statement for rows that give values for the same columns, and gives their entities
   * in the order of the rows. The session tracks them. What the session has changed is flushed before.
   *
   * With `onConflict: 'ignore'`, it leaves out rows whose key is taken, and gives only the entities of the rows that it
   * has inserted. With columns, rows that are there are changed, and their entities given: one that the session holds
   * already is renewed, except for values that the program has changed. If `update` is empty, they stay as they are.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_ENTITY`, `…_TYPE` and `…_INVALID_VALUE` as `new` does,
   * `DATA_BRIDGE_ERR_QUERY` if `on` names no unique key, or if two rows would change the same one.
   *
   * @example
   * ```ts
   * import type { NewRow, Session } from 'fastify-data-bridge/orm'
   * import { User } from './entities.ts'
   *
   * export async function register(session: Session, rows: NewRow<typeof User>[]): Promise<User[]> {
   *   return session.insertMany(User, rows, { onConflict: { on: ['email'], update: ['name'] } })
   * }
   * ```
   */
  insertMany<C extends AnyEntityClass>(
    entity: C,
    rows: readonly NewRow<C>[],
    options: InsertOptions<C> = noOptions,
  ): Promise<EntityOf<C>[]> {
    return this.give(() => {
      const bulk = this.#bulk()
      const table = tableOf(entity)
      const conflict = insertConflict(table, options, `insertMany(${table.entityName})`)
      const inserting =
        conflict === undefined
          ? bulk.insert(table, rows)
          : bulk.insertOrUpdate('insert', table, rows, conflict)
      return inserting as Promise<EntityOf<C>[]>
    })
  }

  /**
   * Inserts a row, or changes the one that has the same values of a unique key, with one statement. Gives the entity of
   * the stored row. Several sessions may do so at the same time: one inserts, the others wait, and then change.
   *
   * @throws DataBridgeError as {@link insertMany}.
   *
   * @example
   * ```ts
   * import type { Session } from 'fastify-data-bridge/orm'
   * import { User } from './entities.ts'
   *
   * export function signIn(session: Session, name: string, email: string): Promise<User> {
   *   return session.upsert(User, { name, email }, { on: ['email'], update: ['name'] })
   * }
   * ```
   */
  upsert<C extends AnyEntityClass>(
    entity: C,
    values: NewRow<C>,
    options: ConflictColumns<C>,
  ): Promise<EntityOf<C>> {
    return this.give(async () => {
      const bulk = this.#bulk()
      const table = tableOf(entity)
      const conflict = conflictOf(table, options, `upsert(${table.entityName})`)
      const [stored] = await bulk.insertOrUpdate('upsert', table, [values], conflict)
      return stored as EntityOf<C>
    })
  }

  /**
   * Inserts rows by COPY, the fastest way into a table, and gives their number. It makes no entities, and needs memory
   * for a few rows only: they are read one by one, while PostgreSQL takes them. All rows give values for the same
   * columns with a default of the database, or none of them does.
   *
   * The rows must not wait for this session, which is busy until the COPY has ended. What they throw is thrown, and
   * makes the transaction fail.
   *
   * @throws DataBridgeError as {@link insertMany}, with the number of the row in its message.
   *
   * @example
   * ```ts
   * import type { NewRow, Session } from 'fastify-data-bridge/orm'
   * import { User } from './entities.ts'
   *
   * function* users(count: number): Generator<NewRow<typeof User>> {
   *   for (let n = 1; n <= count; n += 1) yield { name: `User ${n}`, email: `user-${n}@example.com` }
   * }
   *
   * export function fill(session: Session): Promise<number> {
   *   return session.copy(User, users(1_000_000))
   * }
   * ```
   */
  copy<C extends AnyEntityClass>(
    entity: C,
    rows: Iterable<NewRow<C>> | AsyncIterable<NewRow<C>>,
  ): Promise<number> {
    return this.give(() => this.#bulk().copy(tableOf(entity), rows))
  }
}
