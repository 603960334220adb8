import { DataBridgeError, describe } from '../errors.ts'
import { parametersOf } from './bind-sink.ts'
import { render, type Statement } from './statement.ts'
import { Template } from './template.ts'
import { TextSink } from './text-sink.ts'

const reading: ReadonlySet<string> = new Set(['SELECT', 'SET', 'SHOW', 'TABLE', 'VALUES', 'WITH'])

/** The statement of a `sql` template; it may write, so it needs a transaction. */
export function rawStatement(fragment: unknown): Statement {
  if (!(fragment instanceof Template)) {
    const got =
      typeof fragment === 'string'
        ? 'a string, whose values could not be told from SQL'
        : describe(fragment)
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `execute() expected a template such as sql\`select …\`, got ${got}`,
    )
  }
  const { text, tables } = render(fragment, new TextSink(true))
  return { text, tables, parameters: parametersOf(fragment), kind: 'write', summary: verbOf(text) }
}

/** A text that another library gives, with values that `pg` encodes. */
export function textStatement(text: string, values: readonly unknown[]): Statement {
  const parameters = values as Statement['parameters']
  return { text, tables: 'any', parameters, kind: 'write', summary: verbOf(text) }
}

/** Whether your own SQL may have changed rows. Does not see a function that a SELECT calls. */
export function mayWrite({ summary, text }: Pick<Statement, 'summary' | 'text'>): boolean {
  if (!reading.has(summary)) return true
  // WITH and further statements of one text write behind a word that reads; FOR UPDATE only locks.
  return /\b(?:insert|update|delete|merge)\b/i.test(
    withoutLead(text).replaceAll(/\bfor\s+(?:no\s+key\s+)?update\b/gi, ''),
  )
}

function verbOf(text: string): string {
  return /^[a-z]+/i.exec(withoutLead(text))?.[0].toUpperCase() ?? 'SQL'
}

/** SQL from its first word on, without the blanks, parentheses and comments before it. */
function withoutLead(text: string): string {
  const rest = text.replace(/^[\s(]+/, '')
  if (rest.startsWith('--')) return withoutLead(rest.replace(/^.*/, ''))
  if (rest.startsWith('/*')) return withoutLead(rest.slice(lengthOfComment(rest)))
  return rest
}

/** Comments nest in PostgreSQL. */
function lengthOfComment(text: string): number {
  let depth = 0
  for (const mark of text.matchAll(/\/\*|\*\//g)) {
    depth += mark[0] === '/*' ? 1 : -1
    if (depth === 0) return mark.index + 2
  }
  return text.length
}
