/** Names for a message: `a, b and c`. */
export function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none'
  if (names.length === 1) return names[0] as string
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
