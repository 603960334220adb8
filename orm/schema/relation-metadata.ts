import { describe } from '../errors.ts'
import { listed } from '../util/messages.ts'
import {
  declaredTable,
  type ForeignKeyMetadata,
  requirePairs,
  resolveThunk,
} from './foreign-keys.ts'
import { plainThrough } from './link-table.ts'
import type { LazyMode } from './lazy-mode.ts'
import type { ColumnMetadata, TableMetadata } from './metadata.ts'
import { type RelationKind, RelationTo } from './relation.ts'
import { isSameList } from '../util/lists.ts'
import { schemaError } from './schema-error.ts'
import { isEntityClass, tableOf } from './table-of.ts'

/** A column here, and the one there that has the same value. */
export type ColumnPair = readonly [local: ColumnMetadata, remote: ColumnMetadata]

/** The link table of a many-to-many relation. */
export interface Through {
  readonly table: TableMetadata
  /** Whether the relation names the table, which has no entity class then: `through: 'post_tags'`. */
  readonly isPlain: boolean
  /** From the owner to it. */
  readonly from: readonly ColumnPair[]
  /** From it to the target. */
  readonly to: readonly ColumnPair[]
  /** Whether its default filter holds. */
  readonly withDefaults: boolean
}

/** Both keys of a link table. */
export function linkColumns({ from, to }: Through): readonly ColumnMetadata[] {
  return [...from.map(([, between]) => between), ...to.map(([between]) => between)]
}

/** A relation whose target is known. */
export interface RelationMetadata {
  readonly name: string
  /** Its place among the relations of the owner. */
  readonly position: number
  readonly owner: TableMetadata
  readonly target: TableMetadata
  readonly cardinality: 'one' | 'many'
  /** Whether the owner holds the foreign key, so that it can be given in its place. */
  readonly holdsKey: boolean
  /** The columns of the foreign key, on whichever table has it. */
  readonly foreignKey: readonly ColumnMetadata[]
  /** From the owner to the target. Empty with `through`. */
  readonly pairs: readonly ColumnPair[]
  readonly through: Through | undefined
  /** The mode that it declares. */
  readonly lazy: LazyMode | undefined
  /** Whether default filters of the target and of the link table hold. */
  readonly withDefaults: boolean
}

export function resolveRelation(
  owner: TableMetadata,
  name: string,
  position: number,
  thunk: () => unknown,
): RelationMetadata {
  const where = `${owner.entityName}.${name}`
  const given = resolveThunk(where, thunk)
  if (!(given instanceof RelationTo)) {
    throw schemaError(
      `${where} expected hasMany(…), hasOne(…), belongsTo(…) or manyToMany(…), got ${describe(given)}`,
    )
  }
  const target = declaredTable(where, given.target)
  const { kind } = given
  const through = kind === 'manyToMany' ? throughOf(where, owner, target, given) : undefined
  const pairs =
    through !== undefined
      ? []
      : kind === 'belongsTo'
        ? pairsOf(where, owner, target, given.columns)
        : pairsOf(where, target, owner, given.columns).map(([foreignKey, key]): ColumnPair => [
            key,
            foreignKey,
          ])
  return Object.freeze({
    name,
    position,
    owner,
    target,
    cardinality: kind === 'hasMany' || kind === 'manyToMany' ? 'many' : 'one',
    holdsKey: kind === 'belongsTo',
    foreignKey: Object.freeze(
      (through?.from ?? pairs).map(([local, remote]) => (kind === 'belongsTo' ? local : remote)),
    ),
    pairs: Object.freeze(pairs),
    through,
    lazy: given.lazy,
    withDefaults: given.withDefaults,
  })
}

/** The columns of a foreign key, each with the one that it refers to: as declared, or by the primary key. */
function pairsOf(
  where: string,
  holder: TableMetadata,
  target: TableMetadata,
  names: readonly string[],
): readonly ColumnPair[] {
  const columns = foreignKeyNamed(where, holder, names)
  const declared = holder.foreignKeys.find(
    (key) => key.target === target && isSameList(key.columns, columns),
  )
  const targetColumns = declared?.targetColumns ?? target.primaryKey
  requirePairs(where, holder, columns, target, targetColumns)
  return columns.map((column, index) => [column, targetColumns[index] as ColumnMetadata])
}

function foreignKeyNamed(
  where: string,
  holder: TableMetadata,
  names: readonly string[],
): readonly ColumnMetadata[] {
  return names.map((name) => {
    const column = holder.columnOf.get(name)
    if (column !== undefined) return column
    throw schemaError(
      `${where} names the foreign key ${name}, which is not a column of ${holder.entityName}; ` +
        `it has ${listed([...holder.columnOf.keys()])}`,
    )
  })
}

function throughOf(
  where: string,
  owner: TableMetadata,
  target: TableMetadata,
  given: RelationTo<unknown, RelationKind>,
): Through {
  const { through, from, to, withDefaults } = given
  if (typeof through === 'string') return plainThrough(where, owner, target, { through, from, to })
  if (!isEntityClass(through)) {
    throw schemaError(
      `${where}: through expected an entity class, or the name of a table, got ${describe(through)}`,
    )
  }
  const table = tableOf(through)
  const fromKey = keyTo(where, table, owner, from, 'from')
  const toKey = keyTo(where, table, target, to, 'to', fromKey)
  return Object.freeze({
    table,
    isPlain: false,
    from: fromKey.columns.map((column, index): ColumnPair => [
      fromKey.targetColumns[index] as ColumnMetadata,
      column,
    ]),
    to: toKey.columns.map((column, index): ColumnPair => [
      column,
      toKey.targetColumns[index] as ColumnMetadata,
    ]),
    withDefaults,
  })
}

type Key = Pick<ForeignKeyMetadata, 'columns' | 'targetColumns'>

/** The foreign key of the link table to one side. */
function keyTo(
  where: string,
  table: TableMetadata,
  side: TableMetadata,
  names: readonly string[] | undefined,
  option: 'from' | 'to',
  other?: Key,
): Key {
  if (names !== undefined) {
    const columns = foreignKeyNamed(`${where}: ${option}`, table, names)
    const stranger = table.foreignKeys.find(
      (key) => key.target !== side && isSameList(key.columns, columns),
    )
    if (stranger !== undefined) {
      throw schemaError(
        `${where}: ${option} expected a foreign key of ${table.entityName} to ${side.entityName}, ` +
          `got ${listed(names)}, which refers to ${stranger.target.entityName}`,
      )
    }
    const pairs = pairsOf(`${where}: ${option}`, table, side, names)
    return {
      columns: pairs.map(([local]) => local),
      targetColumns: pairs.map(([, remote]) => remote),
    }
  }
  const keys = table.foreignKeys.filter(
    (key) => key.target === side && !isSameList(key.columns, other?.columns ?? []),
  )
  const [key] = keys
  if (key !== undefined && keys.length === 1) return key
  throw schemaError(
    `${where}: ${table.entityName} has ${keys.length === 0 ? 'no foreign key' : 'several foreign keys'} to ` +
      `${side.entityName}; name ${keys.length === 0 ? 'its columns' : 'one'} with the option ${option}, ` +
      `or declare ${keys.length === 0 ? 'it' : 'one'} with references()`,
  )
}
