/** Stands for a date that differs from run to run. */
export const anyDate = 'any date'

/** What a result has to contain: `true` for a column, another shape for what is behind a relation. */
export interface Shape {
  readonly [property: string]: true | typeof anyDate | Shape
}

/** Reads a property, for peers that wrap relations. */
export type Read = (result: object, property: string) => unknown

const readProperty: Read = (result, property) =>
  (result as Readonly<Record<string, unknown>>)[property]

/**
 * Takes from a result what the shape names, so that results of different libraries can be compared. A missing
 * property is an error, and so is a date that is not a `Date`.
 */
export function shaped(value: unknown, shape: Shape, read: Read = readProperty): unknown {
  if (Array.isArray(value)) return value.map((item) => shaped(item, shape, read))
  if (typeof value !== 'object' || value === null) {
    throw new Error(`Expected an object or a list, got ${String(value)}`)
  }
  const picked = Object.entries(shape).map(([property, what]) => {
    const found = read(value, property)
    if (found === undefined) throw new Error(`Expected a value in ${property}, got undefined`)
    if (typeof what === 'object') return [property, shaped(found, what, read)]
    return [property, plain(property, found, what)]
  })
  return Object.fromEntries(picked) as unknown
}

function plain(property: string, found: unknown, what: true | typeof anyDate): unknown {
  if (property.endsWith('At') && !(found instanceof Date)) {
    throw new Error(`Expected a Date in ${property}, got ${typeof found} ${String(found)}`)
  }
  return what === anyDate ? anyDate : found
}
