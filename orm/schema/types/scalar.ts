import type { ColumnType } from '../column-type.ts'
import { type Keep, keepString, keepText } from '../keep.ts'

type Derived = 'sql' | 'arrayCast' | 'itemCast' | 'isText' | 'keep'

type Description = Omit<ColumnType, Derived> & Partial<Pick<ColumnType, Derived>>

/** A type that is not an array. Its cast supplies what the description leaves out. */
export function scalar(description: Description): ColumnType {
  const { cast } = description
  return Object.freeze({
    sql: cast,
    arrayCast: `${cast}[]`,
    itemCast: '',
    isText: false,
    keep: description.keep ?? keepText(description),
    ...description,
  })
}

/** A type whose values are PostgreSQL's texts. */
export function stringScalar(description: Description, keep: Partial<Keep> = {}): ColumnType {
  return scalar({ ...description, keep: keepString(description, keep) })
}

/** The name of a type with its modifiers: `numeric(10,2)`. */
export function withModifiers(cast: string, ...modifiers: readonly (number | undefined)[]): string {
  const given = modifiers.filter((modifier) => modifier !== undefined)
  return given.length === 0 ? cast : `${cast}(${given.join(',')})`
}
