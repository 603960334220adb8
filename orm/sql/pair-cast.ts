import type { ColumnPair } from '../schema/relation-metadata.ts'

// Types whose equality PostgreSQL gives up beside a text: `citext = text` is case-sensitive, `bpchar = text` sees blanks.
const yielding: ReadonlySet<string> = new Set(['citext', 'bpchar'])

/**
 * The cast of the owner's column where a statement compares it with the column that a relation leads to. It makes
 * PostgreSQL compare as it does with a key that is given, which has the type of that column.
 */
export function castOfPair([local, remote]: ColumnPair): string {
  const { cast } = remote.type
  return yielding.has(cast) && local.type.cast !== cast ? `::${cast}` : ''
}
