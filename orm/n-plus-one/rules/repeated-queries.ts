import { hash } from 'node:crypto'
import { inspect } from 'node:util'
import type { Finding } from '../../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../../observe/observer.ts'
import { made } from '../finding.ts'
import type { Evidence, Rule } from '../rule.ts'

/** The statements of one text. */
interface Group {
  readonly target: string
  readonly sql: string
  readonly values: Set<string>
  durationMs: number
}

const fix =
  'one statement for all values: … = any($1), with an array; for a relation of entities, a loader such as selectinload(…)'

// More findings of one request would not help.
const mostGroups = 256

/**
 * Finds reads of your own SQL that a session sends again and again with other values: by `execute()`, or by another
 * query builder. The same values again are no such pattern, nor are batches, pages, and what reads no table.
 */
export class RepeatedQueries implements Rule {
  readonly #threshold: number
  readonly #groups = new Map<string, Group>()

  constructor({ settings }: Evidence) {
    // A text alone proves less than the provenance of entities.
    this.#threshold = 2 * settings.thresholds.query
  }

  /** The findings so far, in the order in which they began. */
  get findings(): readonly Finding[] {
    return [...this.#groups.values()]
      .filter(({ values }) => values.size >= this.#threshold)
      .map(({ target, sql, values, durationMs }) =>
        made(
          { count: values.size, durationMs, site: undefined },
          { kind: 'n1.query', target, confidence: 'possible', sql, fix },
        ),
      )
  }

  sent({ text, parameters, operation }: SentStatement): StatementEnd | undefined {
    if (operation?.kind !== 'query' || operation.name !== 'execute') return undefined
    if (parameters.length === 0) return undefined
    const group = this.#groups.get(text) ?? this.#begun(text)
    if (group === undefined) return undefined
    return ({ rows = 0, error, durationMs }) => {
      if (error !== undefined || isPage(text, rows)) return
      group.values.add(keyOf(parameters))
      group.durationMs += durationMs
    }
  }

  #begun(text: string): Group | undefined {
    if (this.#groups.size >= mostGroups || isBatch.test(text)) return undefined
    const target = targetOf(text)
    if (target === undefined) return undefined
    const group: Group = { target, sql: text, values: new Set(), durationMs: 0 }
    this.#groups.set(text, group)
    return group
  }
}

const isRead = /^[\s(]*(?:select|with)\b/i
const mayWrite = /\b(?:insert|update|delete|merge)\b/i
// Several values at a time are a batch already.
const isBatch = /\bin\s*\(\s*\$\d+\s*,|\b(?:any|unnest)\s*\(/i
const limits = /\b(?:limit|fetch)\b/i

// A function behind FROM is no table.
const tableRead =
  /\bfrom\s+(?:only\s+)?((?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\d_$]*)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\d_$]*))?)(?![\p{L}\d_$"]|\s*[.(])/iu

const ofCatalogue = /^(?:pg_|information_schema\b)/i

/** `SELECT posts`; undefined if the text may write, or reads no table of the application. */
function targetOf(text: string): string | undefined {
  if (!isRead.test(text) || mayWrite.test(text)) return undefined
  const table = tableRead.exec(text)?.[1]?.replaceAll(/["\s]/g, '')
  return table === undefined || ofCatalogue.test(table) ? undefined : `SELECT ${table}`
}

const fullPage = 20

/** Whether it is one of the pages that a program reads one after the other. */
function isPage(text: string, rows: number): boolean {
  return rows >= fullPage && limits.test(text)
}

/** The length of each value keeps ('a', 'bc') from ('ab', 'c'). */
function keyOf(parameters: readonly unknown[]): string {
  let key = ''
  for (const value of parameters) {
    const text = textOf(value)
    key += `${typeof value}${text.length}:${text};`
  }
  return key.length > 40 ? hash('sha1', key) : key
}

// JSON has neither a bigint nor an object that leads to itself.
const whole = {
  depth: Infinity,
  maxArrayLength: Infinity,
  maxStringLength: Infinity,
  breakLength: Infinity,
}

function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
  return typeof value === 'object' ? inspect(value, whole) : String(value)
}
