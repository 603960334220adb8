import { describe } from '../errors.ts'
import { listed } from '../util/messages.ts'
import type { ColumnType } from './column-type.ts'
import { schemaError } from './schema-error.ts'
import { requireVersionType } from './version.ts'

/** What PostgreSQL does with referring rows when a row is deleted. */
export type OnDelete = 'cascade' | 'restrict' | 'set null' | 'no action'

const onDeletes: readonly unknown[] = ['cascade', 'restrict', 'set null', 'no action']

export function requireOnDelete(where: string, value: unknown): OnDelete {
  if (value === undefined) return 'no action'
  if (onDeletes.includes(value)) return value as OnDelete
  throw schemaError(
    `${where} expected 'cascade', 'restrict', 'set null' or 'no action', got ${describe(value)}`,
  )
}

/** The value of a column where `new User({ … })` leaves it out. */
export type ColumnDefault =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'sql'; readonly sql: string }

/** The declaration of a column. */
export interface ColumnSpec {
  readonly type: ColumnType
  readonly name: string | undefined
  readonly primaryKey: boolean
  readonly generated: boolean
  readonly unique: boolean
  readonly nullable: boolean
  readonly hidden: boolean
  readonly deferred: boolean
  readonly default: ColumnDefault | undefined
  /** Gives the value of an INSERT or UPDATE if the program set none. */
  readonly onUpdate: (() => unknown) | undefined
  /** Whether it counts the updates of its row. */
  readonly version: boolean
  readonly references: { readonly target: () => unknown; readonly onDelete: OnDelete } | undefined
}

const generatedTypes = ['smallint', 'integer', 'bigint', 'uuid']

const nowOf: Readonly<Record<string, string>> = {
  'timestamp with time zone': 'now()',
  'timestamp without time zone': "(now() at time zone 'UTC')",
}

/** Only a column that may hold a Date has a default of now. */
type NowColumn<T> = [Extract<T, Date>] extends [never] ? never : unknown

/**
 * A column of {@link table}, immutable: each method gives a new one.
 *
 * `T` is the type of its values, `Optional` says whether `new User({ … })` may leave it out, `Key` whether it is
 * a part of the primary key. `Unread` is what the property is besides: `undefined` if the column is deferred.
 */
export class Column<
  out T,
  out Optional extends boolean = false,
  out Key extends boolean = false,
  out Unread extends undefined = never,
> {
  /** For the type checker only. */
  declare readonly _value: T
  /** For the type checker only. */
  declare readonly _optional: Optional
  /** For the type checker only. */
  declare readonly _key: Key
  /** For the type checker only. */
  declare readonly _unread: Unread
  readonly spec: ColumnSpec

  constructor(spec: ColumnSpec) {
    this.spec = Object.freeze(spec)
    Object.freeze(this)
  }

  /** Part of the primary key. Several such columns are a composite key, in their order. */
  primaryKey(): Column<T, Optional, true, Unread> {
    return this.#with({ primaryKey: true })
  }

  /** PostgreSQL makes the value: an identity for `smallint`, `integer` and `bigint`, `gen_random_uuid()` for `uuid`. */
  generated(): Column<T, true, Key, Unread> {
    const { sql } = this.spec.type
    if (!generatedTypes.includes(sql)) {
      throw schemaError(
        `generated() is for columns of ${listed(generatedTypes)}; this one is ${sql}`,
      )
    }
    return this.#with({ generated: true })
  }

  /** No two rows may have the same value. */
  unique(): Column<T, Optional, Key, Unread> {
    return this.#with({ unique: true })
  }

  /** Allows NULL. `new` uses it if no value is given. */
  nullable(): Column<T | null, true, Key, Unread> {
    return this.#with({ nullable: true })
  }

  /** Leaves the column out of `toJSON()` and `console.log`: for password hashes and tokens. You can still read the property. */
  hidden(): Column<T, Optional, Key, Unread> {
    return this.#with({ hidden: true })
  }

  /**
   * Leaves the column out of what queries read, for large values that lists do not need. The property is
   * `undefined` until `undefer()` loads it, and then keeps its value: other queries, `forUpdate()` too, leave it as
   * it is, and `refresh()` reads it again. `new` takes a value as for any other column; what a default of the
   * database makes is not read back. Conditions, orders and `select()` use the column as any other. It cannot be a
   * part of a key, of a foreign key or of a relation.
   *
   * @example
   * ```ts
   * import { integer, type Session, table, text, undefer } from 'fastify-data-bridge/orm'
   *
   * export class Article extends table('articles', {
   *   id: integer().primaryKey().generated(),
   *   title: text(),
   *   body: text().deferred(),
   * }) {}
   *
   * export async function read(session: Session, id: number): Promise<string | undefined> {
   *   const article = await session.find(Article).filter({ id }).options(undefer(Article, 'body')).one()
   *   return article.body
   * }
   * ```
   */
  deferred(): Column<T, Optional, Key, undefined> {
    return this.#with({ deferred: true })
  }

  /**
   * The value if none is given: in `new User({ … })`, and in the table's definition. Each entity gets its own
   * copy of an array or a JSON document.
   */
  default(value: NonNullable<T>): Column<T, true, Key, Unread> {
    const { type } = this.spec
    if (value === null || !type.accepts(value))
      throw schemaError(`default() expected ${type.expected}, got ${describe(value)}`)
    return this.#with({ default: { kind: 'value', value: copyOf(type, value) } })
  }

  /**
   * Lets PostgreSQL insert the time at which the transaction began. For `timestamptz` and `timestamp` (in
   * UTC). A `date` or `time` has no such default, since it depends on a time zone.
   */
  defaultNow(
    this: Column<T, boolean, boolean, undefined> & NowColumn<T>,
  ): Column<T, true, Key, Unread> {
    const { cast } = this.spec.type
    const sql = nowOf[cast]
    if (sql === undefined)
      throw schemaError(
        `defaultNow() is for timestamptz and timestamp columns; this one is ${cast}`,
      )
    return new Column<T, true, Key, Unread>({ ...this.spec, default: { kind: 'sql', sql } })
  }

  /**
   * Gives the value at each INSERT and UPDATE of the row, unless the program set the column:
   * `timestamptz().onUpdate(() => new Date())`. A row without other changes is not updated.
   */
  onUpdate(make: () => T): Column<T, true, Key, Unread> {
    if (typeof make !== 'function')
      throw schemaError(`onUpdate() expected a function, got ${describe(make)}`)
    return this.#with({ onUpdate: make })
  }

  /**
   * Makes the column the version of its row. It is 1 in a new row, and every UPDATE adds 1. An UPDATE or DELETE
   * of a row that others have changed since it was read fails with `DATA_BRIDGE_ERR_STALE` (409). For
   * `smallint`, `integer` and `bigint`; the program never sets it. A table has at most one version.
   *
   * @example
   * ```ts
   * import { integer, table } from 'fastify-data-bridge/orm'
   *
   * export class Account extends table('accounts', {
   *   id: integer().primaryKey().generated(),
   *   balance: integer(),
   *   version: integer().version(),
   * }) {}
   *
   * const account = new Account({ balance: 100 })
   * console.log(account.version) // 1
   * ```
   */
  version(): Column<T, true, Key, Unread> {
    requireVersionType(this.spec.type)
    return this.#with({ version: true })
  }

  /**
   * A foreign key to the primary key of another entity, named by a thunk: `references(() => User)`.
   *
   * The thunk's type is `Function` on purpose: with a call signature, tables that refer to each other
   * or to themselves make the type checker run in a circle.
   */
  references(
    target: Function, // oxlint-disable-line typescript/no-unsafe-function-type -- see above
    options: { readonly onDelete?: OnDelete } = {},
  ): Column<T, Optional, Key, Unread> {
    if (typeof target !== 'function')
      throw schemaError(`references() expected a thunk such as () => User, got ${describe(target)}`)
    const onDelete = onDeleteOf(options)
    return this.#with({ references: { target: target as () => unknown, onDelete } })
  }

  #with<U, O extends boolean, K extends boolean, R extends undefined>(
    change: Partial<ColumnSpec>,
  ): Column<U, O, K, R> {
    return new Column<U, O, K, R>({ ...this.spec, ...change })
  }
}

function onDeleteOf(options: unknown): OnDelete {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw schemaError(
      `references() expected options such as { onDelete: 'cascade' }, got ${describe(options)}`,
    )
  }
  const unknown = Object.keys(options).find((key) => key !== 'onDelete')
  if (unknown !== undefined)
    throw schemaError(`references() has no option ${unknown}; it has onDelete`)
  return requireOnDelete('references(): onDelete', (options as { onDelete?: unknown }).onDelete)
}

// The caller may change the object that it gave.
function copyOf(type: ColumnType, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  try {
    return type.decode(type.encode(value as never))
  } catch (cause) {
    throw schemaError(`default() got a value that ${type.sql} cannot hold`, { cause })
  }
}

export function columnOf<T>(type: ColumnType, name: string | undefined): Column<T> {
  return new Column<T>({
    type,
    name,
    primaryKey: false,
    generated: false,
    unique: false,
    nullable: false,
    hidden: false,
    deferred: false,
    default: undefined,
    onUpdate: undefined,
    version: false,
    references: undefined,
  })
}

/** Every column, whatever its values are. */
export type AnyColumn = Column<unknown, boolean, boolean, undefined>

/*
 * `Function` and not `() => RelationTo<…>` for relations: a call signature here would make the checker
 * resolve every arrow while it infers, one table into the next, until its stack overflows. `unknown`
 * and not `any` for columns: `jsonb()` takes the type of its values from here, where nothing else says it.
 */
// oxlint-disable-next-line typescript/no-unsafe-function-type -- see above
export type Fields = Record<string, AnyColumn | Function>
