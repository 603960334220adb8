import type { Entity } from '../entity/entity.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'

/** Rows of one statement, and what it sends of them: a list for each column, with an item for each row. */
export interface Slice {
  readonly entities: readonly Entity[]
  readonly values: readonly Row[]
}

/** How much one statement sends at most, as an estimate in bytes. PostgreSQL takes no message of 1 GB. */
const mostBytes = 16_000_000

/** Rows in parts that one statement can send. Most are one part. */
export function slicesOf(whole: Slice, most: number = mostBytes): readonly Slice[] {
  const { entities, values } = whole
  const slices: Slice[] = []
  let start = 0
  let bytes = 0
  const cut = (end: number): void => {
    slices.push({
      entities: entities.slice(start, end),
      values: values.map((items) => items.slice(start, end)),
    })
    start = end
    bytes = 0
  }
  for (let index = 0; index < entities.length; index += 1) {
    let size = 0
    for (const items of values) size += sizeOf(items[index] ?? null)
    if (bytes + size > most && index > start) cut(index)
    bytes += size
  }
  if (start === 0) return [whole]
  cut(entities.length)
  return slices
}

// Of a number or a boolean, and of the quotes and commas around a text.
const usualSize = 8

function sizeOf(kept: Primitive): number {
  return typeof kept === 'string' ? kept.length + usualSize : usualSize
}
