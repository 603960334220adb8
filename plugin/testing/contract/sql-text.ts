import { remembered } from '../../../orm/index.ts'

// In this order: a quoted name may have a dash in it, and a comment a quote.
const token = new RegExp(
  [
    String.raw`(?<comment>--[^\n]*|/\*[\s\S]*?\*/)`,
    String.raw`(?<name>"(?:[^"]|"")*")`,
    String.raw`(?<escaped>\b[eE]'(?:[^'\\]|''|\\[\s\S])*')`,
    String.raw`(?<text>(?:\b[bBxX])?'(?:[^']|'')*')`,
    String.raw`(?<dollar>(?<![\w$])\$(?<tag>[A-Za-z_]\w*|)\$[\s\S]*?\$\k<tag>\$)`,
    String.raw`(?<parameter>\$\d+)`,
    String.raw`(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`,
    String.raw`(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)`,
    String.raw`(?<space>\s+)`,
    String.raw`(?<other>[\s\S])`,
  ].join('|'),
  'g',
)

type Kind = 'name' | 'value' | 'parameter' | 'word' | 'space' | 'other'

interface Token {
  readonly kind: Kind
  readonly text: string
}

function tokensOf(text: string): Token[] {
  return Array.from(text.matchAll(token), ({ 0: found, groups = {} }): Token => {
    if (groups['comment'] !== undefined || groups['space'] !== undefined)
      return { kind: 'space', text: ' ' }
    if (groups['name'] !== undefined) return { kind: 'name', text: found }
    if (groups['parameter'] !== undefined) return { kind: 'parameter', text: found }
    if (groups['word'] !== undefined) return { kind: 'word', text: found }
    if (groups['other'] !== undefined) return { kind: 'other', text: found }
    return { kind: 'value', text: found }
  })
}

/**
 * The shape of a statement: its text without values, comments, line breaks and needless quotes. Lists of any length have
 * one shape: `in ($1, $2)` is `in ($…)`, and rows of values are one row.
 */
export const shapeOf: (text: string) => string = remembered((text) => {
  const plain = tokensOf(text).map(plainToken).join('').replaceAll(/ +/g, ' ').trim()
  return plain
    .replaceAll(/\bin \((?:[$?]\d*)(?: ?, ?[$?]\d*)*\)/gi, (list) => `${list.slice(0, 2)} ($…)`)
    .replaceAll(/(\bvalues ?\([^()]*\))(?: ?, ?\([^()]*\))+/gi, '$1, …')
})

function plainToken({ kind, text }: Token): string {
  if (kind === 'value') return '?'
  return kind === 'name' && /^"[a-z_][a-z0-9_]*"$/.test(text) ? text.slice(1, -1) : text
}

/** Whether a text is more than one statement. */
export function isSeveral(text: string): boolean {
  const tokens = tokensOf(text).filter(({ kind }) => kind !== 'space')
  const end = tokens.findIndex((each) => each.kind === 'other' && each.text === ';')
  return end !== -1 && end < tokens.length - 1
}

/** How a statement locks the rows that it reads: `for update`. */
export const locksOf: (text: string) => readonly string[] = remembered((text) => {
  const words = tokensOf(text)
    .filter(({ kind }) => kind === 'word' || kind === 'other')
    .map(({ text: piece }) => piece.toLowerCase())
    .join(' ')
  const locks = words.matchAll(/\bfor (?:no key update|update|key share|share)\b/g)
  return [...new Set(Array.from(locks, ([lock]) => lock))]
})
