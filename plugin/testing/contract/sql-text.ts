import { remembered } from '../../../orm/index.ts'
import { type Token, tokensOf } from '../sql-tokens.ts'

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
