import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withoutLiterals } from '../../orm/n-plus-one/statement-text.ts'

/** Texts, the patterns that they have, and their literals. */
const texts: Readonly<Record<string, readonly [text: string, pattern: string, ...string[]]>> = {
  numbers: [
    'select 1, .5, 1.5e-3, 0x1F, 1_000',
    'select ?, ?, ?, ?, ?',
    '1',
    '.5',
    '1.5e-3',
    '0x1F',
    '1_000',
  ],
  signs: [
    'a = -1 and b - 2 = (-3) and c-4 > 0',
    'a = ? and b - ? = (?) and c-? > ?',
    '-1',
    '2',
    '-3',
    '4',
    '0',
  ],
  'digits in names': ['select a1, "b 2", t3.c$4 from t5', 'select a1, "b 2", t3.c$4 from t5'],
  'names with quotes in them': ['select "a""1\'" from t', 'select "a""1\'" from t'],
  parameters: ['a = $1 and b = $23', 'a = $1 and b = $23'],
  quotes: ["a = 'it''s 1' and b = ''", 'a = ? and b = ?', "'it''s 1'", "''"],
  escapes: [
    String.raw`a = E'it\'s' and b = e'\\' and c = 1`,
    'a = ? and b = ? and c = ?',
    String.raw`E'it\'s'`,
    String.raw`e'\\'`,
    '1',
  ],
  'a backslash in quotes': [
    String.raw`a = '\' and b = 'x'`,
    'a = ? and b = ?',
    String.raw`'\'`,
    "'x'",
  ],
  'other quotes': [
    "a = B'01' and b = x'ff' and c = N'n' and d = U&'u'",
    'a = ? and b = ? and c = ? and d = ?',
    "B'01'",
    "x'ff'",
    "N'n'",
    "U&'u'",
  ],
  'types before quotes': ["a > date '2026-01-01'", 'a > date ?', "'2026-01-01'"],
  dollars: [
    "a = $$it's 1$$ and b = $x$ $$ $y$ $x$",
    'a = ? and b = ?',
    "$$it's 1$$",
    '$x$ $$ $y$ $x$',
  ],
  casts: ["a = '1'::int and b = $1::text[]", 'a = ?::int and b = $1::text[]', "'1'"],
  'operators of JSON': [
    "a ? 'k' and b ?| array['x'] and c ?& $1 and d->>'y' = '1'",
    'a ? ? and b ?| array[?] and c ?& $1 and d->>? = ?',
    "'k'",
    "'x'",
    "'y'",
    "'1'",
  ],
  'places in arrays': ['a[1] and b[2:3]', 'a[?] and b[?:?]', '1', '2', '3'],
  comments: ["select -- it's 1\n 2 /* a /* b */ ' */ from t -- end", 'select ? from t', '2'],
  'a comment at the start': ["/* trace='1' */ select a", 'select a'],
  blanks: ['select\n\t a,  b\n  from t ;  ', 'select a, b from t'],
  lists: [
    "a in (1, 2,3) and b IN ('x') and c in ($1, $2)",
    'a in (?, …) and b IN (?) and c in ($1, $2)',
    '1',
    '2',
    '3',
    "'x'",
  ],
  pages: ['a limit 20 offset 40', 'a limit 20 offset ?', '40'],
  'other pages': ['a fetch first 5 rows only', 'a fetch first 5 rows only'],
  'an open quote': ["a = 'b", 'a = ?', "'b"],
  'an open name': ['a = "b', 'a = "b'],
  'an open dollar quote': ['a = $x$ b', 'a = ?', '$x$ b'],
  'an open comment': ['a /* b', 'a'],
  nothing: ['', ''],
}

describe('the text of a statement', () => {
  it.each(Object.keys(texts))('is told from its literals: %s', (name) => {
    const [text, pattern, ...literals] = texts[name] ?? ['', '']
    expect(withoutLiterals(text)).toEqual({ pattern, literals })
  })

  it('is taken as it is if it is very long', () => {
    const text = `select '${'x'.repeat(20_000)}'`
    expect(withoutLiterals(text)).toEqual({ pattern: text, literals: [] })
  })
})

const quoted = fc.string().map((text) => `'${text.replaceAll("'", "''")}'`)
const escaped = fc
  .string()
  .map((text) => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`)
const dollars = fc
  .tuple(fc.constantFrom('', 'a', 'x1_'), fc.string())
  .filter(([, text]) => !text.includes('$'))
  .map(([tag, text]) => `$${tag}$${text}$${tag}$`)
const number = fc.oneof(fc.nat(), fc.double({ min: 0, noNaN: true, max: 1e300 })).map(String)
const literal = fc.oneof(quoted, escaped, dollars, number)

/** What is no literal, as it stays. */
const other = fc.oneof(
  fc.constantFrom(
    'a1',
    '"b ""2"',
    '$3',
    '=',
    '<>',
    '(',
    ')',
    ',',
    '?',
    '?|',
    '->>',
    '::int',
    '[',
    ']',
  ),
  fc
    .stringMatching(/^[a-z_][a-z0-9_$]{1,8}$/)
    .filter((word) => !['first', 'next', 'limit', 'in'].includes(word)),
)
const gap = fc.constantFrom(' ', '\n\t', ' /* it\'s "1" /* $$ */ */ ', " -- it's 1 $$\n")

/** A statement of words between gaps. */
const statement = fc.array(
  fc.tuple(
    fc.oneof(
      literal.map((text) => ({ text, isLiteral: true })),
      other.map((text) => ({ text, isLiteral: false })),
    ),
    gap,
  ),
  { maxLength: 30 },
)

describe('any text of a statement', () => {
  it('gives its literals, and its other words in their order', () => {
    fc.assert(
      fc.property(statement, (words) => {
        const text = words.map(([word, blank]) => word.text + blank).join('')
        const { pattern, literals } = withoutLiterals(text)
        expect(literals).toEqual(words.flatMap(([word]) => (word.isLiteral ? [word.text] : [])))
        expect(pattern).toBe(
          words
            .map(([word]) => (word.isLiteral ? '?' : word.text))
            .join(' ')
            .replaceAll(/\bin \( \?(?: , \?)+ \)/g, 'in (?, …)'),
        )
      }),
    )
  })

  it('has one pattern, whatever its literals and comments are', () => {
    fc.assert(
      fc.property(
        statement,
        fc.infiniteStream(literal),
        fc.infiniteStream(gap),
        (words, literals, gaps) => {
          const written = words.map(([word, blank]) => word.text + blank).join('')
          const other = words
            .map(
              ([word]) =>
                `${word.isLiteral ? String(literals.next().value) : word.text}${String(gaps.next().value)}`,
            )
            .join('')
          expect(withoutLiterals(other).pattern).toBe(withoutLiterals(written).pattern)
        },
      ),
    )
  })

  it('is read to its end, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from(`'"$-/*\\;()?: aE1\n`)) }),
        (text) => {
          const { pattern, literals } = withoutLiterals(text)
          expect(withoutLiterals(text)).toEqual({ pattern, literals })
          expect(literals.join('').length).toBeLessThanOrEqual(text.length)
        },
      ),
    )
  })
})
