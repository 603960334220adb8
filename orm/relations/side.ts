import type { ColumnPair, Through } from '../schema/relation-metadata.ts'
import type { ColumnMetadata, RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { quote, quoteTable } from '../sql/identifier.ts'
import { linkAlias, writeLinkTo } from '../sql/link.ts'
import type { Sink, SqlNode } from '../sql/node.ts'
import { columnRef } from '../sql/refs.ts'
import { rootSource, type Source } from '../sql/source.ts'

/** The far side of a relation: the columns that have the same values as the owner's columns. */
export interface Side {
  readonly source: Source
  /** The table of these columns: the target, or the link table. */
  readonly table: TableMetadata
  readonly columns: readonly ColumnMetadata[]
  readonly nodes: readonly SqlNode[]
  /** The join of the link table, if there is one. */
  readonly link: SqlNode | undefined
  /** Whether the relation leaves out the default filter of the target. */
  readonly isBare: boolean
}

export function farSide({ target, pairs, through, withDefaults }: RelationMetadata): Side {
  const isBare = !withDefaults
  const source = rootSource(target)
  if (through === undefined) {
    const columns = pairs.map(([, remote]) => remote)
    const nodes = columns.map(({ property }) => columnRef(source, property))
    return { source, table: target, columns, nodes, link: undefined, isBare }
  }
  const { table } = through
  const columns = through.from.map(([, between]) => between)
  const nodes = columns.map((column) => linkColumn(source, through, column))
  return { source, table, columns, nodes, link: linkJoin(source, through), isBare }
}

/** The columns of the owner that a relation begins with, each with the one that has the same value. */
export function nearPairs({ pairs, through }: RelationMetadata): readonly ColumnPair[] {
  return through?.from ?? pairs
}

function linkColumn(
  source: Source,
  { table }: Through,
  { name, position }: ColumnMetadata,
): SqlNode {
  return {
    shape: `link${table.id}.${position}`,
    write: (sink) => sink.text(`${linkAlias(source)}.${quote(name)}`),
  }
}

function linkJoin(source: Source, through: Through): SqlNode {
  const { table, to } = through
  const positions = to.map(([between, remote]) => `${between.position}=${remote.position}`)
  return {
    shape: `link${table.id}(${positions.join(',')})`,
    write(sink: Sink) {
      sink.reads(table)
      sink.text(` inner join ${quoteTable(table)} as ${linkAlias(source)} on `)
      writeLinkTo(sink, source, through)
    },
  }
}
