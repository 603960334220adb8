import { remembered } from '../util/remembered.ts'
import { identifier } from './statement-text.ts'

/** What a text says about the rows that it writes. */
export interface WrittenText {
  readonly verb: 'INSERT' | 'UPDATE' | 'DELETE' | 'MERGE'
  /** `INSERT users` */
  readonly target: string
  /** Whether it takes the values of several rows. */
  readonly isBatch: boolean
  readonly handlesConflict: boolean
}

/** Undefined if it writes no rows, or not only. */
export const writtenBy: (text: string) => WrittenText | undefined = remembered(read)

const table = String.raw`(${identifier}(?:\s*\.\s*${identifier})*)`
const blank = String.raw`(?:\s|--[^\n]*\n|/\*[\s\S]*?\*/)`
const lead = String.raw`^(?:${blank}|\()*`
const written = new RegExp(
  String.raw`${lead}(?:with\b[\s\S]*?[\s(])?(insert${blank}+into|update(?:${blank}+only)?|delete${blank}+from(?:${blank}+only)?|merge${blank}+into(?:${blank}+only)?)${blank}+${table}`,
  'iu',
)

// Several values at a time are a batch already.
const value = String.raw`\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)`
const batches = [
  new RegExp(String.raw`\bvalues\s*${value}\s*,\s*\(`, 'i'),
  /\bin\s*\(\s*(?:\$\d+|-?\d+|'[^']*')\s*,/i,
  /\b(?:any|all|unnest|jsonb?_array_elements\w*|jsonb?_(?:populate_|to_)recordset)\s*\(/i,
]

function read(text: string): WrittenText | undefined {
  const [, words, full] = written.exec(text) ?? []
  if (words === undefined || full === undefined) return undefined
  const verb = words.split(/\s/, 1)[0]?.toUpperCase() as WrittenText['verb']
  return {
    verb,
    target: `${verb} ${full.replaceAll(/["\s]/g, '')}`,
    isBatch: batches.some((each) => each.test(text)),
    handlesConflict: verb === 'MERGE' || /\bon\s+conflict\b/i.test(text),
  }
}

// An insert says how many rows it writes, other writes find some.
const most = { INSERT: 2, MERGE: 2, UPDATE: 19, DELETE: 19 }

/** Whether a statement has written so many rows that it is a batch. */
export function isMany({ verb }: WrittenText, rows: number): boolean {
  return rows > most[verb]
}

/** The first of the writes that a statement of the library does. */
export function targetOf(summary: string): string {
  return summary.split(', ')[0] as string
}
