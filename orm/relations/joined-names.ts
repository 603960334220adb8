import { quote } from '../sql/identifier.ts'

// No column and no table has these names, so that your own SQL may name columns without their table.

/** A column of joined rows, by its position. */
export function nameAt(position: number): string {
  return quote(`#${position}`)
}

/** Columns of joined rows at positions that follow each other. */
export function namesOf(count: number, first: number): string[] {
  return Array.from({ length: count }, (_, index) => nameAt(first + index))
}

/** The rows of a node of a tree of joins. */
export function aliasAt(index: number): string {
  return quote(`#${index}`)
}

/** The numbers of the lists of a level. */
export function branchAlias(level: number): string {
  return quote(`#${level}b`)
}

export const branchName: string = quote('#')
