import { tokensOf } from './sql-tokens.ts'

const listOfValues = /\(\s*(?:\$\d+|\?)(?:\s*,\s*(?:\$\d+|\?))+\s*\)/g
const furtherRows = /(\bvalues\s*\([^()]*\))(?:\s*,\s*\([^()]*\))+/gi

/** The text of a statement without values, comments and line breaks: statements of one pattern have one text. */
export function normalized(sql: string): string {
  return tokensOf(sql)
    .map(({ kind, text }) => (kind === 'value' ? '?' : text))
    .join('')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replaceAll(/\bin (\(.*?\))/gi, (all, list: string) =>
      list.replaceAll(listOfValues, '(…)') === '(…)' ? all.replace(list, '(…)') : all,
    )
    .replaceAll(furtherRows, '$1, …')
}

const name = String.raw`(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\d_$]*)`
const table = `((?:only\\s+)?${name}(?:\\.${name})?)`

// A function behind FROM is no table; behind INTO stand the columns.
const mention = new RegExp(
  String.raw`(?<!\bdistinct\s)\b(?:(?:from|join)\s+${table}(?![\p{L}\d_$"]|\s*[.(])|(?:into|update)\s+${table})|^copy\s+${table}`,
  'giu',
)
const defined = new RegExp(
  String.raw`(?:\bwith\s+(?:recursive\s+)?|,\s*)(${name})\s*(?:\([^()]*\)\s*)?as\s+(?:not\s+)?(?:materialized\s+)?\(`,
  'giu',
)
const functionsWithFrom = /\b(?:extract|overlay|substring|trim)\s*\([^()]*\)/gi

// `for update of …`, `do update set`, `copy … from stdin`
const keywords: ReadonlySet<string> = new Set(['lateral', 'nowait', 'of', 'set', 'skip', 'stdin'])

/** The tables that a normalized statement names, without those that it defines itself by WITH. */
export function tablesIn(sql: string): readonly string[] {
  const own = new Set([...sql.matchAll(defined)].map(([, found = '']) => unquoted(found)))
  const mentions = sql.replaceAll(functionsWithFrom, '').matchAll(mention)
  const named = [...mentions].map(([, read, written, copied]) =>
    unquoted((read ?? written ?? copied ?? '').replace(/^only\s+/i, '')),
  )
  return [...new Set(named)].filter((each) => !own.has(each) && !keywords.has(each.toLowerCase()))
}

function unquoted(found: string): string {
  return found.replaceAll(/"((?:[^"]|"")+)"/g, (_, inner: string) => inner.replaceAll('""', '"'))
}

/** The verb of a statement, in lower case; for WITH, that of what it does to rows. */
export function verbOf(sql: string, summary: string): string {
  const verb = /^\w+/.exec(summary)?.[0].toLowerCase() ?? ''
  if (verb !== 'with') return verb
  const withoutNames = sql.replaceAll(/"(?:[^"]|"")*"/g, '""')
  const written = /\b(insert|update|delete|merge)\b(?!\s*(?:of|nowait|skip))/i.exec(
    withoutNames.replaceAll(/\bfor\s+(?:no\s+key\s+)?update\b/gi, ''),
  )
  return written?.[1]?.toLowerCase() ?? 'select'
}

const reading: ReadonlySet<string> = new Set([
  'select',
  'show',
  'table',
  'values',
  'fetch',
  'close',
  'declare',
])

/** Whether a statement with this verb reads. */
export function reads(verb: string): boolean {
  return reading.has(verb)
}
