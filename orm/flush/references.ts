import type { Entity } from '../entity/entity.ts'
import { type Identity, identityOfKey, keptThere } from '../entity/identity.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { ColumnPair } from '../schema/relation-metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import { isSameList } from '../util/lists.ts'
import type { TableFacts } from '../sql/table-facts.ts'
import { parentsOf, type Reference, referencesOf } from '../unit-of-work/commit-order.ts'
import type { IdentityMap } from '../unit-of-work/identity-map.ts'

/** What the database does with a referring row when the row that it refers to is deleted. */
export type Action = 'cascade' | 'set null' | 'set default' | 'none'

/** A reference, and what the database does with its rows. */
export interface KnownReference extends Reference {
  /** Whether it leads to the primary key of its target. Its pairs are in the order of that key then. */
  readonly isByKey: boolean
  readonly action: Action
  /** The columns that get another value then. */
  readonly setColumns: readonly ColumnMetadata[]
}

type FactsOf = (table: TableMetadata) => TableFacts

const actions: Readonly<Record<string, Action>> = {
  c: 'cascade',
  n: 'set null',
  d: 'set default',
}

/**
 * The references of a table to one of these tables. What the database really has decides. The declaration decides if the
 * catalogue did not answer.
 */
export function knownReferences(
  factsOf: FactsOf,
  table: TableMetadata,
  targets: Iterable<TableMetadata>,
): readonly KnownReference[] {
  const { known } = factsOf(table)
  const wanted = [...targets]
  const declared = referencesOf(table)
    .filter(({ target }) => wanted.includes(target))
    .map((reference) => asDeclared(table, reference))
  if (known === undefined) return declared
  const found: KnownReference[] = []
  for (const key of known.foreignKeys) {
    const columns = columnsNamed(table, key.columns)
    if (columns === undefined) continue
    const setColumns = columnsNamed(table, key.setColumns ?? key.columns) ?? columns
    for (const target of wanted) {
      if (factsOf(target).known?.oid !== key.target) continue
      const remotes = columnsNamed(target, key.targetColumns)
      if (remotes === undefined) continue
      const pairs = columns.map((column, index): ColumnPair => [
        column,
        remotes[index] as ColumnMetadata,
      ])
      const action = actions[key.onDelete] ?? 'none'
      found.push({ ...inKeyOrder({ target, pairs }), action, setColumns })
    }
  }
  // A relation without a foreign key in the database still gives the order.
  const others = declared.filter((one) => !found.some((other) => isSame(one, other)))
  return [...found, ...others.map((one): KnownReference => ({ ...one, action: 'none' }))]
}

function asDeclared(table: TableMetadata, reference: Reference): KnownReference {
  const columns = reference.pairs.map(([local]) => local)
  const key = table.foreignKeys.find(
    (one) => one.target === reference.target && isSameList(one.columns, columns),
  )
  const onDelete = key?.onDelete
  const action = onDelete === 'cascade' || onDelete === 'set null' ? onDelete : 'none'
  return { ...inKeyOrder(reference), action, setColumns: columns }
}

/** A reference with its pairs in the order of the primary key that it leads to, as identities are made. */
function inKeyOrder({
  target,
  pairs,
}: Reference): Pick<KnownReference, 'target' | 'pairs' | 'isByKey'> {
  const { primaryKey } = target
  const byKey = primaryKey.map((column) => pairs.find(([, remote]) => remote === column))
  const isByKey = pairs.length === primaryKey.length && !byKey.includes(undefined)
  return { target, pairs: isByKey ? (byKey as ColumnPair[]) : pairs, isByKey }
}

function isSame(one: Reference, other: Reference): boolean {
  return (
    one.target === other.target &&
    one.pairs.length === other.pairs.length &&
    one.pairs.every(([local, remote]) =>
      other.pairs.some((pair) => pair[0] === local && pair[1] === remote),
    )
  )
}

/** The columns with these names; undefined if the table declares one of them not. */
function columnsNamed(
  { columns }: TableMetadata,
  names: readonly string[],
): readonly ColumnMetadata[] | undefined {
  const found = names.flatMap((name) => columns.find((column) => column.name === name) ?? [])
  return found.length === names.length ? found : undefined
}

/** Tables, and those that they refer to, directly or over others. */
export function withAncestors(tables: Iterable<TableMetadata>): ReadonlySet<TableMetadata> {
  const found = new Set(tables)
  for (const table of found) for (const parent of parentsOf(table)) found.add(parent)
  return found
}

/** The key that a row refers to; undefined if a part is NULL. */
export function keyIn(row: Row, reference: KnownReference): Identity | undefined {
  const { pairs } = reference
  const [only, another] = pairs
  if (only !== undefined && another === undefined)
    return keptThere(only, row[only[0].position] ?? null) ?? undefined
  const key = pairs.map((pair) => keptThere(pair, row[pair[0].position] ?? null))
  return key.includes(null) ? undefined : identityOfKey(remotesOf(reference), key)
}

/** The columns that a reference leads to. */
export function remotesOf({ pairs }: KnownReference): readonly ColumnMetadata[] {
  return pairs.map(([, remote]) => remote)
}

/** The entity of the session that has a key to which a row refers, if that is its primary key. */
export function heldTarget(
  identity: IdentityMap,
  key: Identity | undefined,
  { target, isByKey }: KnownReference,
): Entity | undefined {
  return isByKey && key !== undefined ? identity.get(target, key) : undefined
}
