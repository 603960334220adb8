const names = new WeakMap<object, string>()

/** Marks an object that stands for a row, a relation or a list of columns. It is not a value. */
export function standIn<T extends object>(made: T, name: string): T {
  names.set(made, name)
  return made
}

/** What a stand-in stands for; undefined of anything else. */
export function standsFor(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null ? names.get(value) : undefined
}
