import type { Through } from '../schema/relation-metadata.ts'
import { writeFilterOf } from './defaults.ts'
import { quote, quoteTable } from './identifier.ts'
import type { Sink } from './node.ts'
import type { Source } from './source.ts'

/** The link table of a relation from many to many, under an alias beside that of the target. */
export function linkAlias({ alias }: Source): string {
  return quote(`${alias}_through`)
}

/**
 * Tests that the link table links a row of the target to an owner. It may link two rows several times: the
 * row counts once.
 *
 * @param writeOwner writes the condition on the owner's key
 */
export function writeLinked(
  sink: Sink,
  source: Source,
  through: Through,
  writeOwner: () => void,
): void {
  sink.reads(through.table)
  sink.text(`exists (select from ${quoteTable(through.table)} as ${linkAlias(source)} where `)
  writeOwner()
  sink.text(' and ')
  writeLinkTo(sink, source, through)
  sink.text(')')
}

/** The link table refers to a row of the target, and its default filter holds. */
export function writeLinkTo(sink: Sink, source: Source, through: Through): void {
  through.to.forEach(([between, remote], index) => {
    sink.text(`${index === 0 ? '' : ' and '}${linkAlias(source)}.${quote(between.name)} = `)
    sink.column(source, remote.name)
  })
  writeFilterOf(sink, ' and ', sink.defaultsFor(source).linking(through), linkAlias(source))
}
