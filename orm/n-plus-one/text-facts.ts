import { remembered } from '../util/remembered.ts'
import { identifier, withoutLiterals } from './statement-text.ts'

/** What a text says about its statement. */
export interface TextFacts {
  /** Equal for texts that differ in their literals only. */
  readonly pattern: string
  /** The values of its literals. */
  readonly literals: readonly string[]
  /** The table that it reads; undefined if it may write, or reads no table of the application. */
  readonly table: string | undefined
  /** Whether it takes several values at a time. */
  readonly isBatch: boolean
  readonly isLocking: boolean
  /** Whether the same values may give another result. */
  readonly isVolatile: boolean
  /** The most rows that it gives: a number, or the parameter that has it. */
  readonly limit: string | undefined
}

const ofLibrary = remembered((text) => read(text, false))
const ofProgram = remembered((text) => read(text, true))

/** @param isOwn whether the program has written it: then it may have literals, and do anything */
export function factsOf(text: string, isOwn: boolean): TextFacts {
  return isOwn ? ofProgram(text) : ofLibrary(text)
}

function read(text: string, isOwn: boolean): TextFacts {
  const { pattern, literals } = isOwn ? withoutLiterals(text) : { pattern: text, literals: [] }
  const [, limit, fetched] = limits.exec(pattern) ?? []
  return {
    pattern,
    literals: literals.map(valueOf),
    table: isOwn && (!isRead.test(pattern) || writes.test(pattern)) ? undefined : tableOf(pattern),
    isBatch: batches.some((each) => each.test(pattern)),
    isLocking: locks.test(pattern),
    isVolatile: volatile.test(pattern),
    limit: limit ?? fetched,
  }
}

function valueOf(literal: string): string {
  return /^'[^]*'$/.test(literal) ? literal.slice(1, -1).replaceAll("''", "'") : literal
}

const isRead = /^[\s(]*(?:select|with)\b/i
const writes = /(?<!")\b(?:insert|delete|merge|(?<!\bfor\s+(?:no\s+key\s+)?)update|into)\b(?!")/i
const locks = /\bfor\s+(?:(?:no\s+key\s+)?update|(?:key\s+)?share)\b/i
const limits = /\blimit\s+(\d+|\$\d+)|\bfetch\s+(?:first|next)\s+(\d+|\$\d+)/i

// Several values at a time are a batch already.
const batches = [
  /\bin ?\( ?(?:\$\d+ ?,|\?, …)/i,
  /\b(?:in ?\(|values) ?\([^()]*\) ?, ?\(/i,
  /\b(?:any|some|all|unnest|string_to_array|jsonb?_array_elements\w*|jsonb?_to_recordset) ?\( ?(?:\(|cast\(|array\b|\$\d|\?)/i,
]

const functions = [
  'now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|age',
  'random|random_normal|setseed|gen_random_uuid|uuid\\w*|nextval|currval|lastval|set_config|current_setting',
  'txid_\\w+|pg_\\w+|dblink\\w*',
]
const volatile = new RegExp(
  `\\b(?:${functions.join('|')}) ?\\(|\\b(?:current_(?:date|time|timestamp)|localtime|localtimestamp)\\b|\\btablesample\\b`,
  'i',
)

// A function behind FROM is no table.
const tableRead = new RegExp(
  String.raw`\bfrom\s+(?:only\s+)?(${identifier}(?:\s*\.\s*${identifier})?)(?![\p{L}\d_$"]|\s*[.(])`,
  'iu',
)
const ofCatalogue = /^(?:pg_|information_schema\b)/i

function tableOf(pattern: string): string | undefined {
  const table = tableRead.exec(pattern)?.[1]?.replaceAll(/["\s]/g, '')
  return table === undefined || ofCatalogue.test(table) ? undefined : table
}
