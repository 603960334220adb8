/** A statement in a text of SQL that concerns the transaction. */
export type TransactionControl =
  | { readonly kind: 'end'; readonly words: string }
  | { readonly kind: 'savepoint' | 'rollback to'; readonly name: string }

const mayControl = /\b(?:commit|end|abort|rollback|prepare|savepoint)\b/i

/** The statements of a text that end the transaction, set a savepoint or go back to one. */
export function transactionControls(text: string): readonly TransactionControl[] {
  if (!mayControl.test(text)) return []
  return statementsIn(text).flatMap((tokens) => controlOf(tokens) ?? [])
}

function controlOf(tokens: readonly string[]): TransactionControl | undefined {
  const words = tokens.map((token) => token.toUpperCase())
  const [first = '', second = ''] = words
  if (first === 'COMMIT' || first === 'END' || first === 'ABORT')
    return { kind: 'end', words: first }
  if (first === 'PREPARE' && second === 'TRANSACTION')
    return { kind: 'end', words: 'PREPARE TRANSACTION' }
  if (first === 'SAVEPOINT') return { kind: 'savepoint', name: nameOf(tokens[1]) }
  if (first !== 'ROLLBACK') return undefined
  const to = words.indexOf('TO')
  if (to !== 1 && to !== 2) return { kind: 'end', words: first }
  const name = words[to + 1] === 'SAVEPOINT' ? to + 2 : to + 1
  return { kind: 'rollback to', name: nameOf(tokens[name]) }
}

/** The name as PostgreSQL takes it: in small letters, or as it is quoted. */
function nameOf(token: string = ''): string {
  return token.startsWith('"') ? token.slice(1, -1).replaceAll('""', '"') : token.toLowerCase()
}

// A statement is known by its first words: ROLLBACK TRANSACTION TO SAVEPOINT name.
const longestLead = 5

const token =
  /--.*|\/\*|[eE]'(?:[^'\\]|\\[^]|'')*'?|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|\$(?:[\p{L}_][\p{L}\d_]*)?\$|[\p{L}_][\p{L}\d_$]*|;|[^]/uy

/** The first words of each statement, without comments and what is quoted; that of a name is kept. */
export function statementsIn(text: string): readonly (readonly string[])[] {
  const statements: string[][] = [[]]
  // The body of a function, `begin atomic …; end`, contains statements too.
  let depth = 0
  let before = ''
  token.lastIndex = 0
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found] = match
    if (found === '/*') token.lastIndex = endOfComment(text, match.index)
    else if (found.startsWith('$') && found.endsWith('$') && found.length > 1)
      token.lastIndex = endOfQuote(text, found, token.lastIndex)
    else if (found === ';' && depth === 0) statements.push([])
    else if (isWord.test(found)) {
      const word = found.toUpperCase()
      if (word === 'ATOMIC' && before === 'BEGIN') depth = 1
      else if (depth > 0 && word === 'CASE') depth += 1
      else if (depth > 0 && word === 'END') depth -= 1
      before = word
      const lead = statements.at(-1)
      if (lead !== undefined && lead.length < longestLead) lead.push(found)
    }
  }
  return statements
}

const isWord = /^[\p{L}_"]/u

/** Comments nest in PostgreSQL. */
function endOfComment(text: string, start: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = start
  let depth = 0
  for (let match = mark.exec(text); match !== null; match = mark.exec(text)) {
    depth += match[0] === '/*' ? 1 : -1
    if (depth === 0) return mark.lastIndex
  }
  return text.length
}

function endOfQuote(text: string, quote: string, start: number): number {
  const end = text.indexOf(quote, start)
  return end === -1 ? text.length : end + quote.length
}
