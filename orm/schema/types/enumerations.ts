import type { ColumnType, Enumeration } from '../column-type.ts'
import { stringScalar } from './scalar.ts'

/** A type of the user's own with a list of labels. */
export function enumerationType(enumeration: Enumeration): ColumnType {
  const { schema, name, values } = enumeration
  const labels: ReadonlySet<unknown> = new Set(values)
  const cast = schema === undefined ? quoted(name) : `${quoted(schema)}.${quoted(name)}`
  return stringScalar(
    {
      cast,
      kind: `enumeration ${cast}`,
      jsType: 'a string',
      expected: `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`,
      isComparable: true,
      hasExactText: true,
      enumeration,
      isType: (value) => typeof value === 'string',
      accepts: (value) => labels.has(value),
      encode: (value: string) => value,
      // A label that a migration has added is read by programs which do not know it yet.
      decode: (text) => text,
      isSame: (value, text) => value === text,
    },
    { how: 'same' },
  )
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
