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
    String.raw`(?<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)`,
    String.raw`(?<space>\s+)`,
    String.raw`(?<other>[\s\S])`,
  ].join('|'),
  'g',
)

type Kind = 'name' | 'value' | 'parameter' | 'word' | 'space' | 'other'

/** A piece of SQL. A comment is a blank. */
export interface Token {
  readonly kind: Kind
  readonly text: string
}

export function tokensOf(text: string): Token[] {
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
