const width = 100

/** JSON as formatters leave it: what fits into a line is in one line, except what `isOpen` keeps apart. */
export function print(value: unknown): string {
  return `${printed(value, '', 0, 0)}\n`
}

/**
 * @param key what is in front of it in its line
 * @param more how many characters follow in its line
 */
function printed(value: unknown, indent: string, key: number, more: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const line = inLine(value)
  // The first two levels stay open, or a difference would be a long line.
  const isDeep = indent.length >= 4
  if (isDeep && !isOpen(value) && indent.length + key + line.length + more <= width) return line
  const inner = `${indent}  `
  const open = Array.isArray(value)
    ? value.map((each) => inner + printed(each, inner, 0, 1))
    : Object.entries(value).map(([name, each]) => {
        const before = `${JSON.stringify(name)}: `
        return inner + before + printed(each, inner, before.length, 1)
      })
  const [first, last] = Array.isArray(value) ? '[]' : '{}'
  return open.length === 0 ? `${first}${last}` : `${first}\n${open.join(',\n')}\n${indent}${last}`
}

/** Several objects have a line each, as do objects of such lists. */
function isOpen(value: object): boolean {
  const children: unknown[] = Object.values(value)
  const objects = children.filter((each) => typeof each === 'object' && each !== null)
  if (objects.some(isOpen)) return true
  return Array.isArray(value) ? objects.length > 1 : objects.length > 0
}

function inLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inLine).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).map(
    ([name, each]) => `${JSON.stringify(name)}: ${inLine(each)}`,
  )
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}
