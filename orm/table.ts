import type { Query } from './query/query.ts'
import type { AnyEntityClass, EntityOf } from './schema/relation.ts'
import { defineTable } from './entity/define-entity.ts'
import type { ColumnNames, EntityClass, Key, KeyNames } from './entity/types.ts'
import type { AnyColumn, Fields, OnDelete } from './schema/column.ts'
import { tableOf } from './schema/table-of.ts'
import { namesOf } from './sql/names.ts'
import type { Condition, SqlNode } from './sql/node.ts'
import type { ColumnRefs } from './sql/ref-types.ts'
import { ambientSession } from './session/ambient.ts'

/** The static methods of an entity class, which use the ambient session. */
export interface AmbientStatics {
  /**
   * The entity with this primary key, or null, in the session of the request or of `database.run(fn)`.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_NO_AMBIENT_SESSION` outside a request and `database.run`.
   */
  get<C extends AnyEntityClass>(this: C, key: Key<EntityOf<C>>): Promise<EntityOf<C> | null>
  /** Begins a query in that session. */
  find<C extends AnyEntityClass>(this: C): Query<C>
}

/**
 * The class that {@link table} gives; `class User extends table(…) {}` is the entity.
 *
 * The parameter of its constructor has no name of its own, so that a message shows the columns. All
 * that the class has is in this one type, which declaration files can name.
 */
export type TableClass<F, Name extends string = string> = EntityClass<F, Name> &
  AmbientStatics &
  ColumnStatics<F>

/** The names of the columns, for `sql` templates. */
export interface ColumnStatics<F> {
  /**
   * The columns by their properties, for `sql` templates: each stands for its quoted name.
   *
   * @example
   * ```ts
   * import { type Session, sql } from 'fastify-data-bridge/orm'
   * import { User } from './entities.ts'
   *
   * export function forgetAges(session: Session) {
   *   return session.execute(sql`update ${User} set ${User.columns.age} = null`)
   * }
   * ```
   */
  readonly columns: { readonly [K in keyof F as F[K] extends AnyColumn ? K : never]: SqlNode }
}

/**
 * The options of {@link table}. `Name` is the union of the names of its columns.
 *
 * Columns are named by their properties: `unique: [['authorId', 'title']]`.
 */
export interface TableOptions<Name extends PropertyKey, F> {
  /** The PostgreSQL schema of the table. Without it, PostgreSQL uses the `search_path`. */
  readonly schema?: string
  /** The COMMENT on the table. */
  readonly comment?: string
  /** Lists of columns: no two rows have the same values in all of them. */
  readonly unique?: readonly (readonly Name[])[]
  /** Lists of columns: each is an index. */
  readonly indexes?: readonly (readonly Name[])[]
  /** Conditions that every row meets, in a list, or by the names of their constraints. */
  readonly checks?: readonly TableCheck<F>[] | Readonly<Record<string, TableCheck<F>>>
  /** Foreign keys of several columns, or to columns that are not the primary key. */
  readonly foreignKeys?: readonly TableForeignKey<Name>[]
  /**
   * `'xmin'`: PostgreSQL's system column is the version of a row, and no column is added. An UPDATE or DELETE of a
   * row that others have changed since it was read fails with `DATA_BRIDGE_ERR_STALE` (409). For ordinary and
   * partitioned tables: a view or a foreign table is a `DATA_BRIDGE_ERR_SCHEMA` at its first use. For a column that
   * counts instead, see `integer().version()`.
   *
   * @example
   * ```ts
   * import { integer, table } from 'fastify-data-bridge/orm'
   *
   * export class Account extends table('accounts', {
   *   id: integer().primaryKey().generated(),
   *   balance: integer(),
   * }, { version: 'xmin' }) {}
   * ```
   */
  readonly version?: 'xmin'
  /**
   * Which rows queries, relations, counts and `get()` give, and queries write: the others are hidden. It sees the
   * columns of the table; its values are constants. `withDefaults(false)` of a query, a loader or a relation leaves it
   * out.
   *
   * @example
   * ```ts
   * import { integer, table, text, timestamptz } from 'fastify-data-bridge/orm'
   *
   * export class Note extends table('notes', {
   *   id: integer().primaryKey().generated(),
   *   text: text(),
   *   deletedAt: timestamptz().nullable(),
   * }, { defaultFilter: (note) => note.deletedAt.isNull() }) {}
   * ```
   */
  readonly defaultFilter?: TableCheck<F>
}

// Columns only: a relation would be resolved while the class that declares it is.
/** A condition on a row: `(row) => row.age.gte(0)`. It sees the columns of the table. */
export type TableCheck<F> = (row: ColumnRefs<F>) => Condition

/** A foreign key: `{ columns: ['orderId', 'no'], references: () => keyOf(Line) }`. */
export interface TableForeignKey<Name extends PropertyKey> {
  /** The columns of this table, in the order of those that they refer to. */
  readonly columns: readonly Name[]
  /** A thunk that returns `keyOf(Line)` for a primary key, or `keyOf(Line, ['orderId', 'no'])`. */
  readonly references: Function // oxlint-disable-line typescript/no-unsafe-function-type -- see Column.references
  /** What happens to these rows when the row that they refer to is deleted. Default: `'no action'`. */
  readonly onDelete?: OnDelete
}

/** The compiler shows the name of this property: it is missing, and required. */
export interface TableNeedsPrimaryKey {
  readonly 'a table needs a column with .primaryKey()': never
}

// Where the names of the fields are computed, the declaration is checked when it runs.
type RequirePrimaryKey<F> = string extends keyof F
  ? unknown
  : [KeyNames<F>] extends [never]
    ? TableNeedsPrimaryKey
    : unknown

/**
 * Declares a table: its columns, its relations as thunks, and its options. The class that extends it is
 * the entity.
 *
 * A property becomes the column's name in snake_case (`authorId` → `author_id`); a name given to the
 * column overrides it. Several columns with `.primaryKey()` are a composite key. Columns named `then`,
 * `toJSON`, `constructor`, `has` or `__proto__` are refused, as are relations named like a static that
 * every class owns.
 *
 * @throws DataBridgeError `DATA_BRIDGE_ERR_SCHEMA` with what was expected and what it got.
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
 * }, { unique: [['authorId', 'title']] }) {}
 * ```
 */
export function table<Name extends string, const F extends Fields>(
  name: Name,
  columnsAndRelations: F & RequirePrimaryKey<F>,
  options?: TableOptions<ColumnNames<F>, F>,
): TableClass<F, Name> {
  const entity = defineTable(name, columnsAndRelations, options)
  Object.defineProperties(entity, statics)
  return entity as unknown as TableClass<F, Name>
}

const statics = Object.getOwnPropertyDescriptors({
  async get(this: AnyEntityClass, key: never): Promise<unknown> {
    return ambientSession(`${this.name}.get()`).get(this, key)
  },
  find(this: AnyEntityClass): unknown {
    return ambientSession(`${this.name}.find()`).find(this)
  },
  get columns(): object {
    return namesOf(tableOf(this))
  },
})
