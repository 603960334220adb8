/** A statement without its values. */
export interface StatementText {
  /** With `?` in the place of each literal, one blank between words, and no comments. */
  readonly pattern: string
  /** The literals, as they are written. */
  readonly literals: readonly string[]
}

/** A name in SQL, in quotes or not, as a part of a regular expression with the flag `u`. */
export const identifier: string = String.raw`(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\d_$]*)`

// Longer texts are compared as they are.
const longest = 20_000

const letter = String.raw`[\p{L}_]`
const kinds = [
  String.raw`(?<blank>\s+|--[^\n]*)`,
  String.raw`(?<comment>/\*)`,
  // The quotes of E'…' may be escaped by a backslash, those of the others only by a quote.
  String.raw`(?<literal>[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'?|(?:[bBnNxX]|[uU]&)?'[^']*(?:''[^']*)*'?)`,
  String.raw`(?<dollar>\$(?:${letter}[\p{L}\d_]*)?\$)`,
  String.raw`(?<quoted>"[^"]*(?:""[^"]*)*"?)`,
  String.raw`(?<word>${letter}[\p{L}\d_$]*)`,
  String.raw`(?<parameter>\$\d+)`,
  String.raw`(?<number>0[xXoObB][\da-fA-F_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)`,
  String.raw`(?<sign>[\s\S])`,
]
const token = new RegExp(kinds.join('|'), 'suy')

/** Tells the statement from the literals in it. Knows the words, quotes and comments of PostgreSQL, not its grammar. */
export function withoutLiterals(text: string): StatementText {
  if (text.length > longest) return { pattern: text, literals: [] }
  const literals: string[] = []
  const parts: string[] = []
  let isApart = false
  const put = (part: string): void => {
    if (isApart && parts.length > 0) parts.push(' ')
    isApart = false
    parts.push(part)
  }
  const putLiteral = (literal: string): void => {
    literals.push(literal)
    put('?')
  }
  token.lastIndex = 0
  while (token.lastIndex < text.length) {
    const at = token.lastIndex
    const { blank, comment, literal, dollar, number, sign } = token.exec(text)?.groups ?? {}
    if (blank !== undefined) isApart = true
    else if (comment !== undefined) {
      isApart = true
      token.lastIndex = endOfComment(text, at)
    } else if (literal !== undefined) putLiteral(literal)
    else if (dollar !== undefined) {
      const end = text.indexOf(dollar, at + dollar.length)
      token.lastIndex = end < 0 ? text.length : end + dollar.length
      putLiteral(text.slice(at, token.lastIndex))
    } else if (number !== undefined) {
      if (isOfPage(parts)) put(number)
      else if (isNegated(parts, isApart)) {
        parts.pop()
        putLiteral(`-${number}`)
      } else putLiteral(number)
    } else if (sign !== ';' || token.lastIndex < text.trimEnd().length)
      put(text.slice(at, token.lastIndex))
  }
  return { pattern: parts.join('').replaceAll(lists, 'in (?, …)'), literals }
}

const lists = /\bin ?\( ?\?(?: ?, ?\?)+ ?\)/gi

/** Comments nest in PostgreSQL. */
function endOfComment(text: string, start: number): number {
  let depth = 0
  const mark = /\/\*|\*\//g
  mark.lastIndex = start
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return mark.lastIndex
  }
  return text.length
}

/** How many rows a page has belongs to the statement. */
function isOfPage(parts: readonly string[]): boolean {
  const last = parts.at(-1)?.toLowerCase()
  return last === 'limit' || last === 'first' || last === 'next'
}

/** Whether the minus before a number is its sign: behind a value, it is a difference. */
function isNegated(parts: readonly string[], isApart: boolean): boolean {
  if (isApart || parts.at(-1) !== '-') return false
  const before = parts.findLast((part, index) => index < parts.length - 1 && part !== ' ')
  return before !== undefined && /^[=<>(,~!+*/%|&#^@]$/.test(before)
}
