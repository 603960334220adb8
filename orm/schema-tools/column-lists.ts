/** The same columns, in whatever order. */
export function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name) => other.includes(name))
}

/** Whether an index over `list` finds the rows by `columns`: they come first in it, in whatever order. */
export function startsWith(list: readonly string[], columns: readonly string[]): boolean {
  return isSameSet(list.slice(0, columns.length), columns)
}
