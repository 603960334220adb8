const plain = /^[\w.:+-]+$/

/** PostgreSQL's text of a one-dimensional array: `{1,NULL,"a b"}`. */
export function arrayLiteral(elements: readonly (string | null)[]): string {
  return `{${elements.map(element).join(',')}}`
}

function element(text: string | null): string {
  if (text === null) return 'NULL'
  if (plain.test(text) && text.toLowerCase() !== 'null') return text
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
