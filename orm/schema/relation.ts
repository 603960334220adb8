import { describe } from '../errors.ts'
import { listed } from '../util/messages.ts'
import type { AnyColumn } from './column.ts'
import { type LazyMode, lazyModes } from './lazy-mode.ts'
import { schemaError } from './schema-error.ts'

/** Identifies an entity for the type checker. Protected, so that it is neither in `keyof User` nor in `{ ...user }`. */
export declare class RowOf<out Name, out F> {
  protected readonly __table: Name
  protected readonly __fields: F
}

/**
 * Any entity class: what {@link table} gives, or a class that extends it.
 *
 * Exactly `(...args: any[]) => any`: of that signature alone the checker does not look at the
 * parameters. With another result it compares what `new` takes, which looks behind the arrows of
 * relations, and every circle of tables is an error.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- see above
export type AnyEntityClass = (abstract new (...args: any[]) => any) & {
  readonly prototype: RowOf<unknown, unknown>
}

/**
 * What `new` makes of a class, read off its `prototype`: `InstanceType` would compare the parameters
 * of the constructor too, and with them resolve the relations of one table into the next.
 */
export type EntityOf<C> = C extends { readonly prototype: infer I } ? I : never

/** The fields that an entity was declared with. */
export type FieldsOf<E> = E extends RowOf<unknown, infer F> ? F : never

/** The names of a table's columns. */
export type ColumnNames<F> = { [K in keyof F]: F[K] extends AnyColumn ? K : never }[keyof F]

/** The name of an entity's column. */
export type ColumnName<E> = ColumnNames<FieldsOf<E>> & string

/** How a relation is written; see {@link hasMany}, {@link hasOne}, {@link belongsTo} and {@link manyToMany}. */
export type RelationKind = 'hasMany' | 'manyToMany' | 'hasOne' | 'belongsTo'

/** One name, or several for a composite key. */
export type OneOrMore<Name> = Name | readonly [Name, Name, ...Name[]]

/** Options of a relation. */
export interface RelationOptions {
  /** What an `await` of it does if it is not loaded. Default: the mode of the session. A query may set another. */
  readonly lazy?: LazyMode | undefined
  /**
   * Whether the default filters of the target hold, and those of the link table. Default: `true`. With `false` a post
   * shows its author, although the author is deleted.
   */
  readonly withDefaults?: boolean | undefined
}

interface GivenOptions extends RelationOptions {
  readonly through?: unknown
  readonly from?: unknown
  readonly to?: unknown
}

/** What a relation's thunk gives. */
export class RelationTo<out Target, out Kind extends RelationKind, out Key = string> {
  readonly kind: Kind
  readonly target: Target
  /** For the type checker only: the names of the foreign key's columns, as a union. */
  declare readonly key: Key
  /** The foreign key: on the target for `hasMany` and `hasOne`, on the owner for `belongsTo`. */
  readonly columns: readonly string[]
  readonly through: unknown
  readonly from: readonly string[] | undefined
  readonly to: readonly string[] | undefined
  readonly lazy: LazyMode | undefined
  readonly withDefaults: boolean

  constructor(kind: Kind, target: Target, foreignKey: unknown, by?: GivenOptions) {
    requireClass(`${kind}()`, target)
    const where = `${kind}(${target.name}, …)`
    if (kind === 'manyToMany') requireThrough(where, by)
    else requireOptions(where, by)
    requireLazy(where, by?.lazy)
    requireBoolean(where, 'withDefaults', by?.withDefaults)
    this.kind = kind
    this.target = target
    this.columns = kind === 'manyToMany' ? [] : namesOf(where, foreignKey)
    this.through = by?.through
    this.from = by?.from === undefined ? undefined : namesOf(`${kind}(): from`, by.from)
    this.to = by?.to === undefined ? undefined : namesOf(`${kind}(): to`, by.to)
    this.lazy = by?.lazy
    this.withDefaults = by?.withDefaults !== false
    Object.freeze(this)
  }
}

/** What a foreign key refers to where that is named: see {@link keyOf}. */
export class KeyOf {
  readonly target: unknown
  readonly columns: readonly string[] | undefined

  constructor(target: unknown, columns: unknown) {
    requireClass('keyOf()', target)
    this.target = target
    this.columns = columns === undefined ? undefined : namesOf(`keyOf(${target.name}, …)`, columns)
    Object.freeze(this)
  }
}

function requireClass(where: string, target: unknown): asserts target is { readonly name: string } {
  if (typeof target === 'function') return
  throw schemaError(`${where} expected an entity class, got ${describe(target)}`)
}

function requireThrough(where: string, by: unknown): void {
  if (typeof by !== 'object' || by === null || !('through' in by))
    throw schemaError(`${where} expected options such as { through: PostTag }, got ${describe(by)}`)
  requireKnown(where, by, ['through', 'from', 'to', 'lazy', 'withDefaults'])
}

function requireOptions(where: string, options: unknown): void {
  if (options === undefined) return
  if (typeof options !== 'object' || options === null)
    throw schemaError(
      `${where} expected options such as { lazy: 'peers' }, got ${describe(options)}`,
    )
  requireKnown(where, options, ['lazy', 'withDefaults'])
}

function requireKnown(where: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key))
  if (unknown !== undefined)
    throw schemaError(`${where} has no option ${unknown}; it has ${listed(known)}`)
}

function requireLazy(where: string, lazy: unknown): void {
  if (lazy === undefined || lazyModes.some((mode) => mode === lazy)) return
  throw schemaError(
    `${where}: lazy expected one of '${lazyModes.join("', '")}', got ${describe(lazy)}`,
  )
}

function requireBoolean(where: string, name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return
  throw schemaError(`${where}: ${name} expected true or false, got ${describe(value)}`)
}

function namesOf(where: string, names: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(names) ? names : [names]
  if (list.length > 0 && list.every((name) => typeof name === 'string')) return Object.freeze(list)
  throw schemaError(
    `${where} expected the name of a column, or an array of names, got ${describe(names)}`,
  )
}

/**
 * Many rows of `target` refer to this one by their property `foreignKey`, or by several of a
 * composite key.
 *
 * Write it as a thunk **as the property** (`posts: () => hasMany(Post, 'authorId')`): this is what
 * makes entities that refer to each other type-check. `{ lazy: 'peers' }` sets what an `await` of it does.
 */
export function hasMany<Target extends AnyEntityClass>(
  target: Target,
  foreignKey: OneOrMore<ColumnName<EntityOf<Target>>>,
  options?: RelationOptions,
): RelationTo<Target, 'hasMany'> {
  return new RelationTo('hasMany', target, foreignKey, options)
}

/** At most one row of `target` refers to this one: `profile: () => hasOne(Profile, 'userId')`. */
export function hasOne<Target extends AnyEntityClass>(
  target: Target,
  foreignKey: OneOrMore<ColumnName<EntityOf<Target>>>,
  options?: RelationOptions,
): RelationTo<Target, 'hasOne'> {
  return new RelationTo('hasOne', target, foreignKey, options)
}

/**
 * This row refers to one of `target` by its own property `foreignKey`, or by several of a composite
 * key. The relation is as nullable as they are. Write it as a thunk:
 * `author: () => belongsTo(User, 'authorId')`.
 */
export function belongsTo<Target extends AnyEntityClass, const Key extends OneOrMore<string>>(
  target: Target,
  foreignKey: Key,
  options?: RelationOptions,
): RelationTo<Target, 'belongsTo', Key extends readonly (infer K)[] ? K : Key> {
  return new RelationTo('belongsTo', target, foreignKey, options)
}

/** The names of a link table's columns: properties of its entity, or names in the database. */
type LinkColumn<Through> = Through extends string ? string : ColumnName<EntityOf<Through>>

/**
 * Many rows of `target` belong to many rows of this table. The rows of the link table `through` refer to
 * both. Write it as a thunk: `tags: () => manyToMany(Tag, { through: 'post_tags' })`.
 *
 * `through` is the name of the table if it has nothing but the two keys. `createSchema()` then creates it,
 * with both keys as its primary key; deleting a row on either side deletes its links. The columns are named
 * after the entities and their keys: `post_id` and `tag_id`. `from` and `to` name other columns, as they are
 * in the database, and lists for composite keys. Name them if a build tool changes the names of classes.
 * `'blog.post_tags'` is a table in the schema `blog`. By default it is the schema of both entities.
 *
 * `through` is an entity class if the link has more columns than its two keys, or if you query it. Its foreign keys are
 * found by their declaration. If several lead to the same table, `from` and `to` name their properties.
 *
 * The relations of both sides name the same table and columns. In a relation from a table to itself, `from`
 * and `to` say which key is whose.
 *
 * @throws DataBridgeError `DATA_BRIDGE_ERR_SCHEMA` at the first use of the entity, or by `new Database()` with
 * the option `tables`: for names that cannot be, keys that do not fit, and sides that contradict each other.
 *
 * @example
 * ```ts
 * import { integer, manyToMany, table, text } from 'fastify-data-bridge/orm'
 *
 * export class Post extends table('posts', {
 *   id: integer().primaryKey().generated(),
 *   title: text(),
 *   tags: () => manyToMany(Tag, { through: 'post_tags' }), // post_tags (post_id, tag_id)
 *   related: () => manyToMany(Post, { through: 'related_posts', from: 'post_id', to: 'related_id' }),
 * }) {}
 *
 * export class Tag extends table('tags', {
 *   id: integer().primaryKey().generated(),
 *   name: text().unique(),
 *   posts: () => manyToMany(Post, { through: 'post_tags' }),
 * }) {}
 * ```
 *
 * @example
 * ```ts
 * import { integer, manyToMany, table, timestamptz } from 'fastify-data-bridge/orm'
 *
 * export class Member extends table('members', {
 *   id: integer().primaryKey().generated(),
 *   following: () => manyToMany(Member, { through: Follow, from: 'followerId', to: 'followeeId' }),
 *   followers: () => manyToMany(Member, { through: Follow, from: 'followeeId', to: 'followerId' }),
 * }) {}
 *
 * export class Follow extends table('follows', {
 *   followerId: integer().primaryKey().references(() => Member),
 *   followeeId: integer().primaryKey().references(() => Member),
 *   since: timestamptz().defaultNow(),
 * }) {}
 * ```
 */
export function manyToMany<
  Target extends AnyEntityClass,
  const Through extends AnyEntityClass | string,
>(
  target: Target,
  by: RelationOptions & {
    /** The entity class of the link table, or its name. */
    readonly through: Through
    /** The foreign key of `through` to this table. */
    readonly from?: OneOrMore<LinkColumn<Through>>
    /** The foreign key of `through` to the target. */
    readonly to?: OneOrMore<LinkColumn<Through>>
  },
): RelationTo<Target, 'manyToMany'> {
  return new RelationTo('manyToMany', target, undefined, by)
}

/**
 * What a foreign key refers to, in the option `foreignKeys` of a table and in `references()`:
 * `references: () => keyOf(Line, ['orderId', 'no'])`. Without columns it is the primary key.
 */
export function keyOf<Target extends AnyEntityClass>(
  target: Target,
  columns?: readonly ColumnName<EntityOf<Target>>[],
): KeyOf {
  return new KeyOf(target, columns)
}
