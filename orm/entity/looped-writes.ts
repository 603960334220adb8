import type { Keep } from '../schema/keep.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import { defaultValue, keptOf } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import type { CompiledWrites } from './compiled-writes.ts'
import { setValue, valueOf } from './property.ts'

/** What a process does that must not generate code. */
export function loopedWrites(columns: readonly ColumnMetadata[]): CompiledWrites {
  const names = new Set(columns.map(({ property }) => property))
  return {
    make(entity, given) {
      for (const key in given) if (!names.has(key)) return false
      const values: unknown[] = []
      for (let index = 0; index < columns.length; index += 1) {
        const column = columns[index] as ColumnMetadata
        const own = valueOf(given, column)
        const value = own === undefined ? initialValue(column) : own
        if (value === undefined ? !isMadeLater(column) : own !== undefined && !holds(column, own))
          return false
        values.push(value)
      }
      for (let index = 0; index < columns.length; index += 1)
        setValue(entity, columns[index] as ColumnMetadata, values[index])
      return true
    },
    isComplete(entity) {
      for (let index = 0; index < columns.length; index += 1) {
        const column = columns[index] as ColumnMetadata
        const value = valueOf(entity, column)
        if (value === undefined ? !isMadeByDatabase(column) : !holds(column, value)) return false
      }
      return true
    },
    missing(entity) {
      let missing = ''
      for (let index = 0; index < columns.length; index += 1)
        if (valueOf(entity, columns[index] as ColumnMetadata) === undefined) missing += `${index},`
      return missing
    },
    kept: columns.map((column) => (entities: readonly object[]): Primitive[] => {
      const items: Primitive[] = []
      for (let index = 0; index < entities.length; index += 1)
        items.push(keptOf(column, valueOf(entities[index] as object, column)))
      return items
    }),
    take(entity, row) {
      const made: unknown[] = []
      for (let index = 0; index < columns.length; index += 1) {
        const column = columns[index] as ColumnMetadata
        const { keep } = column.type
        const value = valueOf(entity, column)
        const kept = row[index]
        if (value !== undefined && isOther(keep, value, kept)) return false
        if (value !== undefined) made.push(value)
        else made.push(kept === null || kept === undefined ? kept : keep.toValue(kept))
      }
      for (let index = 0; index < columns.length; index += 1) {
        const column = columns[index] as ColumnMetadata
        if (valueOf(entity, column) === undefined) setValue(entity, column, made[index])
      }
      return true
    },
  } satisfies CompiledWrites & { take(entity: object, row: Row): boolean }
}

function holds({ nullable, type }: ColumnMetadata, value: unknown): boolean {
  return value === null ? nullable : type.accepts(value)
}

function isOther(keep: Keep, value: unknown, kept: Primitive | undefined): boolean {
  if (isValue(keep)) return !Object.is(value, kept)
  if (kept === null || kept === undefined) return value !== kept
  return keep.how === 'text' || !keep.isSame(value, kept)
}

/** The value that a column without one gets. */
export function initialValue(column: ColumnMetadata): unknown {
  const value = defaultValue(column)
  if (value !== undefined || isMadeLater(column)) return value
  return column.nullable ? null : undefined
}

/** Whether `new` may leave the column without a value: PostgreSQL makes it, or the flush does. */
export function isMadeLater(column: ColumnMetadata): boolean {
  return isMadeByDatabase(column) || column.onUpdate !== undefined
}

/** Whether what is kept is the value itself. */
export function isValue({ how }: Keep): boolean {
  return how === 'same' || how === 'value'
}

/** Whether an INSERT may leave the column out. */
export function isMadeByDatabase(column: ColumnMetadata): boolean {
  return column.generated || column.default?.kind === 'sql'
}
