const plain = /^[\w.:+-]+$/

/** The texts of an array, or of one with several dimensions. */
export type Elements = readonly (string | null | Elements)[]

/** PostgreSQL's text of an array: `{1,NULL,"a b"}`, `{{1,2},{3,4}}`. */
export function arrayLiteral(elements: Elements): string {
  return `{${elements.map(element).join(',')}}`
}

function element(text: Elements[number]): string {
  if (text === null) return 'NULL'
  if (typeof text !== 'string') return arrayLiteral(text)
  if (plain.test(text) && text.toLowerCase() !== 'null') return text
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
