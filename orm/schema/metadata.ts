import { DataBridgeError, describe } from '../errors.ts'
import { listed } from '../util/messages.ts'
import type { ColumnSpec, OnDelete } from './column.ts'
import { type AnyEntityClass, type RelationKind, RelationTo } from './relation.ts'

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

/** A relation whose target is known. */
export interface RelationMetadata {
  readonly name: string
  readonly kind: RelationKind
  readonly owner: TableMetadata
  readonly target: TableMetadata
  /** On the target for `hasMany`, on the owner for `belongsTo`. */
  readonly foreignKey: ColumnMetadata
}

const metadataKey = Symbol.for('fastify-data-bridge.table')

interface Described {
  readonly [metadataKey]?: TableMetadata
}

/** A declared table. Its relations are resolved when they are first read, since entities may refer to each other. */
export class TableMetadata {
  readonly name: string
  readonly columns: readonly ColumnMetadata[]
  readonly columnOf: ReadonlyMap<string, ColumnMetadata>
  readonly primaryKey: ColumnMetadata
  readonly relationNames: readonly string[]
  readonly #thunks: ReadonlyMap<string, () => unknown>
  #entity: AnyEntityClass | undefined
  #relations: ReadonlyMap<string, RelationMetadata> | undefined

  constructor(
    name: string,
    columns: readonly ColumnMetadata[],
    primaryKey: ColumnMetadata,
    thunks: ReadonlyMap<string, () => unknown>,
  ) {
    this.name = name
    this.columns = Object.freeze(columns)
    this.columnOf = new Map(columns.map((column) => [column.property, column]))
    this.primaryKey = primaryKey
    this.relationNames = Object.freeze([...thunks.keys()])
    this.#thunks = thunks
  }

  /** The entity's class, for hydration and messages. Before its first use: none. */
  get entity(): AnyEntityClass {
    if (this.#entity !== undefined) return this.#entity
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_SCHEMA',
      `the table ${this.name} has no entity class yet`,
    )
  }

  /** The entity's name in messages, spans and findings. */
  get entityName(): string {
    return this.#entity?.name ?? this.name
  }

  /** Ties the table to its one class. */
  claim(entity: AnyEntityClass): void {
    this.#entity ??= entity
    if (this.#entity === entity) return
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_SCHEMA',
      `the table ${this.name} belongs to the class ${this.#entity.name}; ${entity.name} needs a table() of its own`,
    )
  }

  get relations(): ReadonlyMap<string, RelationMetadata> {
    return (this.#relations ??= new Map(
      [...this.#thunks].map(([name, thunk]) => [name, this.#resolve(name, thunk)]),
    ))
  }

  relation(name: string): RelationMetadata {
    const relation = this.relations.get(name)
    if (relation !== undefined) return relation
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_SCHEMA',
      `${this.entityName} has no relation ${name}; it has ${listed(this.relationNames)}`,
    )
  }

  #resolve(name: string, thunk: () => unknown): RelationMetadata {
    const where = `${this.entityName}.${name}`
    const given = resolveThunk(where, thunk)
    if (!(given instanceof RelationTo)) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_SCHEMA',
        `${where} expected hasMany(…) or belongsTo(…); came ${describe(given)}`,
      )
    }
    const target = declaredTable(where, given.target)
    const holder = given.kind === 'hasMany' ? target : this
    const foreignKey = holder.columnOf.get(given.foreignKey)
    if (foreignKey === undefined) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_SCHEMA',
        `${where} names the foreign key ${given.foreignKey}, which is no column of ${holder.entityName}; ` +
          `it has ${listed([...holder.columnOf.keys()])}`,
      )
    }
    refuseOtherType(where, holder, foreignKey, given.kind === 'hasMany' ? this : target)
    return Object.freeze({ name, kind: given.kind, owner: this, target, foreignKey })
  }
}

/** Keys are compared by their values in JavaScript too, so both have to be of one type and one mode. */
export function refuseOtherType(
  where: string,
  holder: TableMetadata,
  foreignKey: ColumnMetadata,
  target: TableMetadata,
): void {
  const { primaryKey } = target
  if (foreignKey.type === primaryKey.type) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `${where}: ${holder.entityName}.${foreignKey.property} holds ${foreignKey.type.expected}, and refers to ` +
      `${target.entityName}.${primaryKey.property}, which holds ${primaryKey.type.expected}; declare both alike`,
  )
}

/** The table that a foreign key refers to, or undefined where the column is none. */
export function referencedTable(
  owner: TableMetadata,
  column: ColumnMetadata,
): TableMetadata | undefined {
  if (column.references === undefined) return undefined
  const where = `${owner.entityName}.${column.property}`
  return declaredTable(where, resolveThunk(where, column.references))
}

function resolveThunk(where: string, thunk: () => unknown): unknown {
  try {
    return thunk()
  } catch (cause) {
    if (cause instanceof DataBridgeError) {
      throw new DataBridgeError(cause.code, `${where}: ${cause.message}`, { cause })
    }
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_SCHEMA',
      `${where} refers to an entity that is not declared (yet): ${cause instanceof Error ? cause.message : describe(cause)}`,
      { cause },
    )
  }
}

function declaredTable(where: string, target: unknown): TableMetadata {
  if (typeof target === 'function' && metadataKey in target) return tableOf(target)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `${where} expected an entity class, one that extends table(…); came ${describe(target)}`,
  )
}

export function describeClass(entity: object, table: TableMetadata): void {
  Object.defineProperty(entity, metadataKey, { value: table })
}

/** The table of an entity class. Refuses what is none, and a class that extends another entity. */
export function tableOf(entity: unknown): TableMetadata {
  const table = typeof entity === 'function' ? (entity as Described)[metadataKey] : undefined
  if (table === undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_ENTITY',
      `expected an entity class, one that extends table(…); came ${describe(entity)}`,
    )
  }
  const declared = entity as AnyEntityClass
  const isOwn =
    Object.hasOwn(declared, metadataKey) ||
    Object.hasOwn(Object.getPrototypeOf(declared) as object, metadataKey)
  if (!isOwn) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_SCHEMA',
      `${declared.name} extends the entity ${table.entityName}; inheritance between entities is not supported: ` +
        `declare it as a table of its own`,
    )
  }
  table.claim(declared)
  return table
}
