import type { ArrayItemType, ColumnType } from '../column-type.ts'
import { type ArrayItems, hasCommas, readArray, arrayLiteral } from './array-text.ts'
import { keepText } from '../keep.ts'
import { isJsonType } from './json.ts'
import { keepNumbers } from './json-numbers.ts'
import { schemaError } from '../schema-error.ts'
import { UnreadableError } from './unreadable.ts'

type Item = ArrayItems[number]

/** An array. Of arrays it is one type of PostgreSQL with several dimensions. */
export function arrayType(type: ColumnType, nullable: boolean): ColumnType {
  const items: ArrayItemType = Object.freeze({ type, nullable })
  const leaf = leafOf(type)
  requireCommas(leaf)
  const cast = `${leaf.cast}[]`
  const codec = {
    encode: (value: readonly unknown[]) => arrayLiteral(encodeItems(value, type)),
    decode: (text: string) => decodeItems(readArray(text), items),
    isSame: (value: unknown, text: string) => isSameItems(value, readArray(text), type),
  }
  return Object.freeze<ColumnType>({
    sql: `${leaf.sql}[]`,
    cast,
    // UNNEST takes arrays of arrays apart to their last item: so an array travels as its text.
    arrayCast: 'text[]',
    itemCast: `::${cast}`,
    kind: `${type.kind}[]`,
    jsType: `an array of values, each ${type.jsType}${orNull(nullable)}`,
    expected: `an array of values, each ${type.expected}${orNull(nullable)}${
      type.items === undefined ? '' : '; inner arrays of one length, and not empty'
    }`,
    isComparable: leaf.isComparable,
    hasExactText: false,
    isText: false,
    items,
    isCustom: type.isCustom ?? false,
    ...(leaf.enumeration === undefined ? {} : { enumeration: leaf.enumeration }),
    ...(leaf.extension === undefined ? {} : { extension: leaf.extension }),
    isType: (value) => everyItem(value, items, (item) => type.isType(item)),
    accepts: (value) =>
      everyItem(value, items, (item) => type.accepts(item)) && isEven(value, type),
    ...codec,
    keep: keepText(codec),
    ...encodeChangeOf(type, leaf),
  })
}

function requireCommas({ cast }: ColumnType): void {
  if (hasCommas(cast)) return
  throw schemaError(
    `array() of ${cast}: PostgreSQL separates its items by other signs than commas; declare custom({ sql: '${cast}[]', … })`,
  )
}

function orNull(nullable: boolean): string {
  return nullable ? ' or null' : ''
}

function leafOf(type: ColumnType): ColumnType {
  return type.items === undefined ? type : leafOf(type.items.type)
}

// `every` would skip the holes of a sparse array.
function everyItem(
  value: unknown,
  { nullable }: ArrayItemType,
  test: (item: unknown) => boolean,
): boolean {
  if (!Array.isArray(value)) return false
  for (const item of value as readonly unknown[])
    if (!(item === null ? nullable : test(item))) return false
  return true
}

/** Whether PostgreSQL can hold the dimensions: inner arrays of one length, and not empty. */
function isEven(value: unknown, type: ColumnType): boolean {
  if (type.items === undefined) return true
  const lengths = (value as readonly unknown[]).map((inner) => dimensionsOf(inner, type))
  return lengths.every((length) => length === lengths[0] && !length.startsWith('0'))
}

function dimensionsOf(value: unknown, type: ColumnType): string {
  const list = value as readonly unknown[]
  const inner = type.items?.type
  return inner?.items === undefined || list.length === 0
    ? String(list.length)
    : `${list.length},${dimensionsOf(list[0], inner)}`
}

function encodeItems(value: readonly unknown[], type: ColumnType): ArrayItems {
  return value.map((item) => {
    if (item === null) return null
    if (type.items !== undefined) return encodeItems(item as readonly unknown[], type.items.type)
    return type.encode(item as never)
  })
}

function decodeItems(items: ArrayItems, { type, nullable }: ArrayItemType): unknown[] {
  return items.map((item) => {
    if (item === null) return nullable ? null : refuseNull()
    if (type.items !== undefined && typeof item !== 'string') return decodeItems(item, type.items)
    if (type.items === undefined && typeof item === 'string') return type.decode(item)
    throw new UnreadableError(
      'holds an array with another number of dimensions than it is declared with',
    )
  })
}

function refuseNull(): never {
  throw new UnreadableError(
    'holds an array with NULL in it; declare its items nullable: array(text().nullable())',
  )
}

function encodeChangeOf(type: ColumnType, leaf: ColumnType): Pick<ColumnType, 'encodeChange'> {
  const isDocument = isJsonType(leaf)
  if (!isDocument && leaf.rangeOf === undefined) return {}
  const encode = isDocument ? encodeJsonItems : keepItems
  return {
    encodeChange: (value: readonly unknown[], stored: string) =>
      arrayLiteral(encode(value, readArray(stored), type)),
  }
}

/** With the stored texts of items that nobody touched: a Date has no microseconds. */
function keepItems(value: readonly unknown[], stored: ArrayItems, type: ColumnType): ArrayItems {
  const shift = stored.length - value.length
  const isSame = (at: number, from: number): boolean =>
    isSameItems([value[at]], [stored[from] ?? null], type)
  const shorter = Math.min(value.length, stored.length)
  let start = 0
  while (start < shorter && isSame(start, start)) start += 1
  let end = value.length
  while (end > Math.max(start, -shift) && end + shift > start && isSame(end - 1, end - 1 + shift))
    end -= 1
  return encodeItems(value, type).map((text, at) => {
    if (at >= end) return stored[at + shift] ?? null
    const isInPlace = at < start || (shift === 0 && isSame(at, at))
    return isInPlace ? (stored[at] ?? null) : text
  })
}

function isSameItems(value: unknown, items: Item | undefined, type: ColumnType): boolean {
  if (!Array.isArray(value) || !Array.isArray(items) || value.length !== items.length) return false
  return items.every((item: Item, index) => {
    const now: unknown = value[index]
    if (item === null) return now === null
    if (type.items !== undefined) return isSameItems(now, item, type.items.type)
    return typeof item === 'string' && type.isSame(now, item)
  })
}

// All items are one document, so that a number is found again where an item has moved.
function encodeJsonItems(
  value: readonly unknown[],
  stored: ArrayItems,
  type: ColumnType,
): ArrayItems {
  const kept = keepNumbers(value, documentOf(stored))
  return kept === undefined ? encodeItems(value, type) : writeItems(kept.tree, value, type)
}

function documentOf(item: Item): string {
  if (item === null) return 'null'
  return typeof item === 'string' ? item : `[${item.map(documentOf).join(',')}]`
}

function writeItems(tree: unknown, value: readonly unknown[], type: ColumnType): ArrayItems {
  return (tree as readonly unknown[]).map((item, index) => {
    const given = value[index]
    if (given === null) return null
    if (type.items === undefined) return JSON.stringify(item)
    return writeItems(item, given as readonly unknown[], type.items.type)
  })
}
