import type { ColumnPair, Through } from '../schema/relation-metadata.ts'
import type { ColumnMetadata, RelationMetadata } from '../schema/metadata.ts'
import { quote, quoteTable } from '../sql/identifier.ts'
import type { Sink, SqlNode } from '../sql/node.ts'
import { columnRef } from '../sql/refs.ts'
import { rootSource, type Source } from '../sql/source.ts'

/** The far side of a relation: what has to have the same values as the owner's columns. */
export interface Side {
  readonly source: Source
  readonly columns: readonly ColumnMetadata[]
  readonly nodes: readonly SqlNode[]
  /** The table between both sides, where there is one. */
  readonly link: SqlNode | undefined
}

export function farSide({ target, pairs, through }: RelationMetadata): Side {
  const source = rootSource(target)
  if (through === undefined) {
    const columns = pairs.map(([, remote]) => remote)
    const nodes = columns.map(({ property }) => columnRef(source, property))
    return { source, columns, nodes, link: undefined }
  }
  const columns = through.from.map(([, between]) => between)
  const nodes = columns.map((column) => linkColumn(through, column))
  return { source, columns, nodes, link: linkJoin(source, through) }
}

/** The columns of the owner that a relation begins with. */
export function nearColumns({ pairs, through }: RelationMetadata): readonly ColumnMetadata[] {
  return (through?.from ?? pairs).map(([local]: ColumnPair) => local)
}

const link = quote('link')

function linkColumn({ table }: Through, { name, position }: ColumnMetadata): SqlNode {
  return {
    shape: `link${table.id}.${position}`,
    write: (sink) => sink.text(`${link}.${quote(name)}`),
  }
}

function linkJoin(source: Source, { table, to }: Through): SqlNode {
  const positions = to.map(([between, remote]) => `${between.position}=${remote.position}`)
  return {
    shape: `link${table.id}(${positions.join(',')})`,
    write(sink: Sink) {
      sink.reads(table)
      sink.text(` inner join ${quoteTable(table)} as ${link} on `)
      to.forEach(([between, remote], index) => {
        sink.text(`${index === 0 ? '' : ' and '}${link}.${quote(between.name)} = `)
        sink.column(source, remote.name)
      })
    },
  }
}
