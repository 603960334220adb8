import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { setValue, valueOf } from '../entity/property.ts'
import { isReferenced } from '../entity/references.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { valueOfKept } from '../schema/values.ts'
import { type Reservation, reserveValues } from '../sql/reserve-statement.ts'
import { keepKey } from '../unit-of-work/kept-keys.ts'
import type { Writing } from './writing.ts'

/** A column whose values the database makes, and the new rows that need one. */
interface Wanted extends Reservation {
  readonly entities: readonly Entity[]
}

/**
 * Gives new rows the keys that others of these rows refer to, with one statement.
 *
 * @returns false if nothing was done: no key is awaited, or only an INSERT tells which one the database makes
 */
export async function reserveKeys(writing: Writing, entities: readonly Entity[]): Promise<boolean> {
  const wanted = wantedKeys(writing, entities)
  const [first, ...others] = wanted
  if (first === undefined) return false
  const rows = await writing.read(reserveValues([first, ...others]))
  const texts = Map.groupBy(rows, ([place]) => Number(place))
  wanted.forEach(({ table, column, entities: owners }, place) => {
    const values = texts.get(place) ?? []
    owners.forEach((entity, index) => {
      const text = values[index]?.[1] ?? null
      if (text === null) return // a default of NULL: the row that awaits it says so
      setValue(entity, column, valueOfKept(column, column.type.keep.fromText(String(text)), table))
      keepKey(entity)
    })
  })
  return true
}

/** Empty if no key is awaited, or if one of them cannot be had before the INSERT. */
function wantedKeys(writing: Writing, entities: readonly Entity[]): readonly Wanted[] {
  const byTable = Map.groupBy(entities, (entity) => stateOf(entity).table)
  const wanted: Wanted[] = []
  for (const [table, columns] of awaitedColumns(entities)) {
    const facts = writing.factsOf(table)
    for (const column of columns) {
      const maker = facts.makerOf(column)
      // A Date is less exact than what the database makes.
      if (maker === undefined || column.type.rangeOf !== undefined) return []
      const owners = (byTable.get(table) ?? []).filter(
        (entity) =>
          valueOf(entity, column) === undefined &&
          !isReferenced(column, stateOf(entity).references),
      )
      wanted.push({ table, column, maker, count: owners.length, entities: owners })
    }
  }
  return wanted
}

/** The columns that rows await from each other, and that no other row gives. */
function awaitedColumns(
  entities: readonly Entity[],
): ReadonlyMap<TableMetadata, ReadonlySet<ColumnMetadata>> {
  const awaited = new Map<TableMetadata, Set<ColumnMetadata>>()
  const own = new Set<object>(entities)
  for (const entity of entities) {
    for (const [{ pairs }, target] of stateOf(entity).references ?? []) {
      if (!own.has(target)) continue
      for (const [local, remote] of pairs) {
        if (valueOf(entity, local) !== undefined || valueOf(target, remote) !== undefined) continue
        if (isReferenced(remote, stateOf(target).references)) continue
        const { table } = stateOf(target)
        const columns = awaited.get(table)
        if (columns === undefined) awaited.set(table, new Set([remote]))
        else columns.add(remote)
      }
    }
  }
  return awaited
}
