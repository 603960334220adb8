const longestIdentifier = 63

/** The names of one PostgreSQL schema that are taken. */
export type TakenNames = Set<string>

/**
 * The name that PostgreSQL gives by itself, such as `users_email_key`, and takes it. Where it is taken
 * already, a number follows, as in PostgreSQL: `users_email_key1`.
 */
export function takeName(
  taken: TakenNames,
  table: string,
  columns: readonly string[],
  label: string,
): string {
  let name = identifier(table, columns, label)
  for (let number = 1; taken.has(name); number += 1)
    name = identifier(table, columns, `${label}${number}`)
  taken.add(name)
  return name
}

/** A longer name gets a checksum. PostgreSQL would cut it, perhaps to one that exists. */
export function identifier(table: string, columns: readonly string[], label: string): string {
  const start = [table, ...columns].join('_')
  const name = `${start}_${label}`
  if (Buffer.byteLength(name) <= longestIdentifier) return name
  const ending = `_${checksum(name)}_${label}`
  return cut(start, longestIdentifier - ending.length) + ending
}

function checksum(name: string): string {
  let sum = 0
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0
  return sum.toString(36)
}

/** The beginning of a text, in at most so many bytes of UTF-8, without half a character at its end. */
function cut(text: string, bytes: number): string {
  let beginning = ''
  let size = 0
  for (const character of text) {
    size += Buffer.byteLength(character)
    if (size > bytes) break
    beginning += character
  }
  return beginning
}
