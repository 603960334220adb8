import { hash } from 'node:crypto'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import type { SqlNode } from './node.ts'

/**
 * A table under an alias: `t0` is what the query is about, `t1` that of a sub-query within it. Behind a
 * to-one relation it is joined, with an alias made of the relations' places: `t0_2`. The rows of another query may
 * stand in place of the table.
 */
export interface Source {
  readonly table: TableMetadata
  readonly alias: string
  /** How many queries it is inside of. */
  readonly depth: number
  /** Names this source: no other has it, since what is compiled for a shape is not looked at again. */
  readonly shape: string
  /** The source that it is joined to, and by which relation. */
  readonly via: { readonly owner: Source; readonly relation: RelationMetadata } | undefined
  /** The query whose rows stand in place of the table. */
  readonly rows?: SqlNode
  /** The source of the query that the program joins it to. */
  readonly beside?: Source
}

const roots = new WeakMap<TableMetadata, Source[]>()

/** The source of a query: made once for each table and depth. */
export function rootSource(table: TableMetadata, depth: number = 0): Source {
  let known = roots.get(table)
  if (known === undefined) roots.set(table, (known = []))
  return (known[depth] ??= beginning(table, depth, `${table.id}`))
}

/** The rows of a query in place of the table that it is about. */
export function rowsSource(table: TableMetadata, rows: SqlNode, depth: number): Source {
  const alias = `t${depth}`
  return Object.freeze({
    table,
    alias,
    depth,
    shape: `${alias}.${nameOf(rows)}`,
    via: undefined,
    rows,
  })
}

/** Names rows by what they are. As long for any query: it stands in the shape of each of their columns. */
function nameOf({ shape }: SqlNode): string {
  return hash('sha256', shape, 'base64url')
}

/** The rows of a query that the program joins to another one, as the `place`th. */
export function besideSource(
  beside: Source,
  table: TableMetadata,
  rows: SqlNode,
  place: number,
): Source {
  const { depth } = beside
  const alias = `t${depth}j${place}`
  return Object.freeze({
    table,
    alias,
    depth,
    shape: `${alias}.${table.id}.${nameOf(rows)}`,
    via: undefined,
    rows,
    beside,
  })
}

/** The source of a sub-query. Named by its relation, so that two relations to one table have different sources. */
export function subSource(owner: Source, relation: RelationMetadata, depth: number): Source {
  return beginning(relation.target, depth, `(${owner.shape}_${relation.position})`)
}

/** A source of no query: of a condition that belongs to a table by itself. */
export function tableSource(table: TableMetadata): Source {
  return beginning(table, 0, '#')
}

function beginning(table: TableMetadata, depth: number, name: string): Source {
  const alias = `t${depth}`
  return Object.freeze({ table, alias, depth, shape: `${alias}.${name}`, via: undefined })
}

const longestAlias = 63

/** The source behind a to-one relation. */
export function joinedSource(owner: Source, relation: RelationMetadata): Source {
  const path = `${owner.alias}_${relation.position}`
  return Object.freeze({
    table: relation.target,
    // PostgreSQL would cut a longer one, perhaps into one that exists.
    alias: path.length <= longestAlias ? path : `t${owner.depth}_${hash('sha1', path)}`,
    depth: owner.depth,
    shape: `${owner.shape}_${relation.position}`,
    via: { owner, relation },
  })
}

/** The source that a chain of joins begins with. */
export function rootOf(source: Source): Source {
  let root = source
  while (root.via !== undefined) root = root.via.owner
  return root
}

/** The source of the query in whose scope a source is. */
export function scopeOf(source: Source): Source {
  const root = rootOf(source)
  return root.beside ?? root
}
