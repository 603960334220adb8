import type { Query } from './query/query.ts'
import type { AnyEntityClass, EntityOf } from './schema/relation.ts'
import { defineTable } from './entity/define-entity.ts'
import type { EntityClass, Key } from './entity/types.ts'
import type { Fields } from './schema/column.ts'
import { ambientSession } from './session/ambient.ts'

/** What an entity class has beside its constructor: the ambient session's `get` and `find`. */
export interface AmbientStatics {
  /**
   * The entity with this primary key, or null, in the session of the request or of `database.run(fn)`.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_NO_AMBIENT_SESSION` anywhere else.
   */
  get<C extends AnyEntityClass>(this: C, key: Key<EntityOf<C>>): Promise<EntityOf<C> | null>
  /** A query in that session. */
  find<C extends AnyEntityClass>(this: C): Query<C>
}

/**
 * The class that {@link table} gives; `class User extends table(…) {}` is the entity.
 *
 * The parameter of its constructor has no name of its own, so that a message shows the columns. All
 * that the class has is in this one type, which declaration files can name.
 */
export type TableClass<F, Name extends string = string> = EntityClass<F, Name> & AmbientStatics

/**
 * Declares a table: its columns, and its relations as thunks. The class that extends it is the entity.
 *
 * A property becomes the column's name in snake_case (`authorId` → `author_id`); a name given to the
 * column overrides it. Columns named `then`, `toJSON`, `constructor` or `__proto__` are refused, as
 * are relations named like a static that every class owns.
 *
 * @throws DataBridgeError `DATA_BRIDGE_ERR_SCHEMA` with what was expected and what came.
 *
 * @example
 * ```ts
 * import { belongsTo, hasMany, integer, table, text } from 'fastify-data-bridge/orm'
 *
 * export class User extends table('users', {
 *   id: integer().primaryKey().generated(),
 *   email: text().unique(),
 *   posts: () => hasMany(Post, 'authorId'),
 * }) {}
 *
 * export class Post extends table('posts', {
 *   id: integer().primaryKey().generated(),
 *   title: text(),
 *   authorId: integer().references(() => User),
 *   author: () => belongsTo(User, 'authorId'),
 * }) {}
 * ```
 */
export function table<Name extends string, const F extends Fields>(
  name: Name,
  columnsAndRelations: F,
  options?: unknown,
): TableClass<F, Name> {
  const entity = defineTable(name, columnsAndRelations, options)
  return Object.assign(entity, ambientStatics) as unknown as TableClass<F, Name>
}

const ambientStatics = {
  async get(this: AnyEntityClass, key: never): Promise<unknown> {
    return ambientSession(`${this.name}.get()`).get(this, key)
  },
  find(this: AnyEntityClass): unknown {
    return ambientSession(`${this.name}.find()`).find(this)
  },
}
