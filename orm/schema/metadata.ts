import { listed } from '../util/messages.ts'
import type { ColumnSpec, OnDelete } from './column.ts'
import { type ForeignKeyMetadata, resolveForeignKeys } from './foreign-keys.ts'
import type { AnyEntityClass } from './relation.ts'
import { type RelationMetadata, resolveRelation } from './relation-metadata.ts'
import type { TableSettings } from './table-options.ts'
import { schemaError } from './schema-error.ts'

export type { ForeignKeyMetadata, RelationMetadata }

/** A column of a table, as the rest of the library sees it. */
export interface ColumnMetadata extends Omit<ColumnSpec, 'name' | 'references'> {
  /** The property of the entity. */
  readonly property: string
  /** The name in the database. */
  readonly name: string
  /** Its place among the columns of the table. */
  readonly position: number
  readonly references: (() => unknown) | undefined
  readonly onDelete: OnDelete
}

let tables = 0

/** A declared table. Its relations and foreign keys are resolved when they are first read, since entities may refer to each other. */
export class TableMetadata {
  /** Its own number: two tables may have one name. */
  readonly id: number
  readonly name: string
  /** The name with its schema, for messages and spans: `auth.things`. */
  readonly fullName: string
  readonly settings: TableSettings
  readonly columns: readonly ColumnMetadata[]
  readonly columnOf: ReadonlyMap<string, ColumnMetadata>
  /** The columns that are read only where a query asks for them. */
  readonly deferred: readonly ColumnMetadata[]
  /** The columns of the primary key, in the order of their declaration: at least one. */
  readonly primaryKey: readonly [ColumnMetadata, ...ColumnMetadata[]]
  /** What tells that others have changed a row: a declared column, or xmin, whose position is behind them. */
  readonly version: ColumnMetadata | undefined
  /** The columns that are read of a row: the declared ones, and xmin where it is the version. */
  readonly rowColumns: readonly ColumnMetadata[]
  readonly relationNames: readonly string[]
  readonly #thunks: ReadonlyMap<string, () => unknown>
  #entity: AnyEntityClass | undefined
  #relations: ReadonlyMap<string, RelationMetadata> | undefined
  #foreignKeys: readonly ForeignKeyMetadata[] | undefined

  constructor(
    name: string,
    columns: readonly ColumnMetadata[],
    primaryKey: readonly [ColumnMetadata, ...ColumnMetadata[]],
    thunks: ReadonlyMap<string, () => unknown>,
    settings: TableSettings,
    version: ColumnMetadata | undefined,
  ) {
    tables += 1
    this.id = tables
    this.name = name
    this.fullName = settings.schema === undefined ? name : `${settings.schema}.${name}`
    this.settings = settings
    this.columns = Object.freeze(columns)
    this.columnOf = new Map(columns.map((column) => [column.property, column]))
    this.deferred = Object.freeze(columns.filter(({ deferred }) => deferred))
    this.primaryKey = Object.freeze(primaryKey)
    this.version = version
    this.rowColumns =
      version === undefined || version.position < columns.length
        ? this.columns
        : Object.freeze([...columns, version])
    this.relationNames = Object.freeze([...thunks.keys()])
    this.#thunks = thunks
  }

  /** The PostgreSQL schema that it is in; undefined: the first of the search path. */
  get schema(): string | undefined {
    return this.settings.schema
  }

  /** Whether the version is a column of PostgreSQL's, and not of the declaration. */
  get hasXmin(): boolean {
    return this.rowColumns !== this.columns
  }

  /** The entity class, for hydration and messages. Throws before the first use of the class. */
  get entity(): AnyEntityClass {
    if (this.#entity !== undefined) return this.#entity
    throw schemaError(`the table ${this.name} has no entity class yet`)
  }

  /** The entity's name in messages, spans and findings. */
  get entityName(): string {
    return this.#entity?.name ?? this.name
  }

  /** Ties the table to its one class. */
  claim(entity: AnyEntityClass): void {
    this.#entity ??= entity
    if (this.#entity === entity) return
    throw schemaError(
      `the table ${this.name} belongs to the class ${this.#entity.name}; ${entity.name} needs its own table()`,
    )
  }

  /**
   * A table without an entity class that links rows of this one with others. All its columns are its key.
   * Made here, since the module of link tables cannot import this one.
   */
  linkTable(
    name: string,
    columns: readonly ColumnMetadata[],
    settings: TableSettings,
  ): TableMetadata {
    const key = columns as readonly [ColumnMetadata, ...ColumnMetadata[]]
    return new TableMetadata(name, columns, key, new Map(), settings, undefined)
  }

  get relations(): ReadonlyMap<string, RelationMetadata> {
    return (this.#relations ??= new Map(
      [...this.#thunks].map(([name, thunk], position) => [
        name,
        resolveRelation(this, name, position, thunk),
      ]),
    ))
  }

  relation(name: string): RelationMetadata {
    const relation = this.relations.get(name)
    if (relation !== undefined) return relation
    throw schemaError(
      `${this.entityName} has no relation ${name}; it has ${listed(this.relationNames)}`,
    )
  }

  /** The foreign keys that `references()` and the option `foreignKeys` declare. */
  get foreignKeys(): readonly ForeignKeyMetadata[] {
    return (this.#foreignKeys ??= resolveForeignKeys(this))
  }

  /** Whether the declaration makes these columns unique together. */
  isUnique(columns: readonly ColumnMetadata[]): boolean {
    const covers = (key: readonly ColumnMetadata[]): boolean =>
      key.every((column) => columns.includes(column))
    return (
      covers(this.primaryKey) ||
      columns.some(({ unique }) => unique) ||
      this.settings.unique.some(covers)
    )
  }
}
