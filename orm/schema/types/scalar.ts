import type { ColumnType } from '../column-type.ts'

type Derived = 'sql' | 'arrayCast' | 'itemCast' | 'isText'

/** A type that is not an array. Its cast supplies what the description leaves out. */
export function scalar(
  description: Omit<ColumnType, Derived> & Partial<Pick<ColumnType, Derived>>,
): ColumnType {
  const { cast } = description
  return Object.freeze({
    sql: cast,
    arrayCast: `${cast}[]`,
    itemCast: '',
    isText: false,
    ...description,
  })
}

/** The name of a type with its modifiers: `numeric(10,2)`. */
export function withModifiers(cast: string, ...modifiers: readonly (number | undefined)[]): string {
  const given = modifiers.filter((modifier) => modifier !== undefined)
  return given.length === 0 ? cast : `${cast}(${given.join(',')})`
}
