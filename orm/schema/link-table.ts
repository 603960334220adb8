import { describe } from '../errors.ts'
import { isSameList } from '../util/lists.ts'
import { listed } from '../util/messages.ts'
import { columnOf } from './column.ts'
import type { ColumnMetadata, TableMetadata } from './metadata.ts'
import { requireIdentifier } from './names.ts'
import { snakeCase } from './naming.ts'
import { KeyOf } from './relation.ts'
import type { ColumnPair, Through } from './relation-metadata.ts'
import { schemaError } from './schema-error.ts'
import { tableSettings } from './table-options.ts'

/*
 * Link tables without an entity class: `manyToMany(Tag, { through: 'post_tags' })`. The relations of both
 * sides share one TableMetadata, so that whatever compares tables finds that they are the same.
 */

/** A foreign key of a link table. Its columns are in the order of the primary key that they refer to. */
interface LinkKey {
  readonly target: TableMetadata
  readonly columns: readonly string[]
}

type LinkKeys = readonly [LinkKey, LinkKey]
type LinkName = Pick<TableMetadata, 'schema' | 'name'>

interface LinkTable {
  readonly table: TableMetadata
  readonly keys: LinkKeys
  /** The relations that name it, such as `Post.tags`, with their owners. */
  readonly declarers: Map<string, TableMetadata>
}

/** By each of the two tables that they refer to. */
const linkTables = new WeakMap<TableMetadata, LinkTable[]>()
const declarations = new WeakMap<TableMetadata, LinkTable>()

/** What a relation says of a link table that has no entity class. */
export interface PlainLink {
  readonly through: string
  readonly from: readonly string[] | undefined
  readonly to: readonly string[] | undefined
}

export function plainThrough(
  where: string,
  owner: TableMetadata,
  target: TableMetadata,
  { through, from, to }: PlainLink,
): Through {
  const name = linkName(where, through, owner, target)
  if (owner === target && (from === undefined || to === undefined)) {
    throw schemaError(
      `${where} expected the options from and to, since both keys of ${through} refer to ${owner.entityName}, ` +
        `got ${from === undefined && to === undefined ? 'neither' : 'one'}: { through: '${through}', from: 'user_id', to: 'friend_id' }`,
    )
  }
  const fromKey = linkKey(`${where}: from`, owner, from)
  const toKey = linkKey(`${where}: to`, target, to)
  const shared = fromKey.columns.find((column) => toKey.columns.includes(column))
  if (shared !== undefined)
    throw schemaError(`${where} expected different columns for from and to, got ${shared} for both`)
  const table = sharedTable(where, name, fromKey, toKey)
  return Object.freeze({
    table,
    isPlain: true,
    from: pairsOf(table, fromKey),
    to: pairsOf(table, toKey).map(([key, between]): ColumnPair => [between, key]),
    withDefaults: true,
  })
}

/** What declares a table, for messages: its entity, or the relations that name it. */
export function declarationOf(table: TableMetadata): string {
  const plain = declarations.get(table)
  return plain === undefined
    ? table.entityName
    : `the link table of ${listed([...plain.declarers.keys()].sort())}`
}

function linkName(
  where: string,
  through: string,
  owner: TableMetadata,
  target: TableMetadata,
): LinkName {
  const parts = through.split('.')
  const [first, second] = parts
  if (parts.length > 2) {
    throw schemaError(
      `${where}: through expected the name of a table, or of a schema and a table such as 'blog.post_tags', ` +
        `got ${describe(through)}`,
    )
  }
  for (const part of parts)
    requireIdentifier(`${where}: through`, 'names for the table and its schema', part)
  if (second !== undefined) return { schema: first, name: second }
  if (owner.schema === target.schema) return { schema: owner.schema, name: through }
  throw schemaError(
    `${where}: through expected a schema, such as '${owner.schema ?? target.schema}.${through}', since ` +
      `${owner.fullName} and ${target.fullName} are in different ones, got '${through}'`,
  )
}

function linkKey(
  where: string,
  target: TableMetadata,
  given: readonly string[] | undefined,
): LinkKey {
  const { primaryKey } = target
  const prefix = snakeCase(target.entityName)
  const columns = given ?? primaryKey.map(({ name }) => `${prefix}_${name}`)
  for (const column of columns) requireIdentifier(where, 'a name for the column', column)
  if (columns.length !== primaryKey.length) {
    throw schemaError(
      `${where} expected ${primaryKey.length} column${primaryKey.length === 1 ? '' : 's'}, since the primary key of ` +
        `${target.entityName} is ${listed(primaryKey.map(({ property }) => property))}, got ${listed(columns)}`,
    )
  }
  if (new Set(columns).size === columns.length) return { target, columns }
  throw schemaError(`${where} expected different columns, got ${listed(columns)}`)
}

/** The link table, which the first relation that names it makes. Refuses relations that contradict it. */
function sharedTable(where: string, name: LinkName, from: LinkKey, to: LinkKey): TableMetadata {
  const owner = from.target
  const keys = inOrder(from, to)
  const found = linkTables.get(owner)?.find((known) => isSame(known, name, keys, owner))
  if (found === undefined) return newLinkTable(where, name, keys, owner)
  const { table, declarers } = found
  const [other] = declarers.keys()
  if (table.schema !== name.schema || !hasSameKeys(found.keys, keys)) {
    throw schemaError(
      `${other} and ${where} declare the link table ${name.name} differently: ${where} expected ` +
        `${described(table, found.keys)} as in ${other}, got ${described(name, keys)}`,
    )
  }
  declarers.set(where, owner)
  return table
}

/**
 * Whether a relation names a table that is known: between the same two entities, or of the same owner. Other
 * entities may be those of another database.
 */
function isSame(known: LinkTable, name: LinkName, keys: LinkKeys, owner: TableMetadata): boolean {
  const { table, declarers } = known
  if (table.name !== name.name) return false
  const hasOwner = [...declarers.values()].includes(owner)
  if (table.schema === name.schema) return hasOwner || hasSameTargets(known.keys, keys)
  // Without a schema it may be in any.
  return (table.schema === undefined || name.schema === undefined) && hasSameKeys(known.keys, keys)
}

// The database and messages show the same, whichever relation is resolved first.
function inOrder(one: LinkKey, other: LinkKey): LinkKeys {
  return String(one.columns[0]) < String(other.columns[0]) ? [one, other] : [other, one]
}

function hasSameTargets([one, other]: LinkKeys, keys: LinkKeys): boolean {
  const targets = keys.map(({ target }) => target)
  return (
    isSameList(targets, [one.target, other.target]) ||
    isSameList(targets, [other.target, one.target])
  )
}

function hasSameKeys(some: LinkKeys, others: LinkKeys): boolean {
  return some.every(({ target, columns }, index) => {
    const other = others[index] as LinkKey
    return target === other.target && isSameList(columns, other.columns)
  })
}

function described({ schema, name }: LinkName, keys: LinkKeys): string {
  const parts = keys.map(({ target, columns }) => `${listed(columns)} for ${target.entityName}`)
  return `${schema === undefined ? name : `${schema}.${name}`} with ${parts.join(', ')}`
}

function newLinkTable(
  where: string,
  { schema, name }: LinkName,
  keys: LinkKeys,
  owner: TableMetadata,
): TableMetadata {
  const columns = keys
    .flatMap((key) => key.columns.map((column, index) => [column, keyColumn(key, index)] as const))
    .map(([column, { type }], position): ColumnMetadata => {
      const { references: _, ...spec } = columnOf(type, column).spec
      return Object.freeze({
        ...spec,
        property: column,
        name: column,
        position,
        primaryKey: true,
        references: undefined,
        onDelete: 'no action',
      })
    })
  const foreignKeys = keys.map(({ target, columns: names }) => ({
    columns: names,
    references: () => new KeyOf(target.entity, undefined),
    onDelete: 'cascade',
  }))
  const settings = tableSettings(name, { schema, foreignKeys }, columns)
  const [{ target: one }, { target: other }] = keys
  const table = one.linkTable(name, columns, settings)
  const made: LinkTable = { table, keys, declarers: new Map([[where, owner]]) }
  declarations.set(table, made)
  for (const target of new Set([one, other]))
    linkTables.set(target, [...(linkTables.get(target) ?? []), made])
  return table
}

function keyColumn({ target }: LinkKey, index: number): ColumnMetadata {
  return target.primaryKey[index] as ColumnMetadata
}

function pairsOf(table: TableMetadata, key: LinkKey): readonly ColumnPair[] {
  return Object.freeze(
    key.columns.map((column, index): ColumnPair => [
      keyColumn(key, index),
      table.columnOf.get(column) as ColumnMetadata,
    ]),
  )
}
