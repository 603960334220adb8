import type { RelationMetadata } from '../schema/metadata.ts'
import type { Sink } from '../sql/node.ts'
import type { Projection } from '../sql/projections.ts'
import { rootSource } from '../sql/source.ts'

const countAll: Projection = Object.freeze({
  shape: 'count',
  write: (sink: Sink) => sink.text('count(*)'),
})

/** The number of rows behind a relation. The link table may link two rows several times: the row counts once. */
export function countBehind({ target, through }: RelationMetadata): Projection {
  if (through === undefined) return countAll
  const source = rootSource(target)
  return {
    shape: 'count rows',
    write(sink: Sink) {
      sink.text('count(distinct (')
      target.primaryKey.forEach(({ name }, index) => {
        if (index > 0) sink.text(', ')
        sink.column(source, name)
      })
      sink.text('))')
    },
  }
}
