import type { TableMetadata } from '../schema/metadata.ts'
import { decodeColumn } from '../schema/values.ts'
import type { Entity } from './entity.ts'
import type { EntityOwner, RawRow } from './entity-state.ts'
import { assign, constructed, explainConstruction, refuseShadowing } from './shadowing.ts'

type EntityClass = new (values: unknown) => Entity

interface Hydration {
  readonly entity: unknown
  readonly row: RawRow
  readonly session: EntityOwner
}

// A row on its way through the constructor chain, so that a subclass's private fields and initialisers run.
let hydration: Hydration | undefined

const withConstructor = new WeakMap<object, boolean>()

/** The row that the current `new` gets its values from; undefined if the program called `new`. */
export function takeHydration(entity: unknown): Hydration | undefined {
  if (hydration === undefined || hydration.entity !== entity) return undefined
  const taken = hydration
  hydration = undefined
  return taken
}

/** Makes an entity of a row from a query. */
export function hydrate(table: TableMetadata, row: RawRow, session: EntityOwner): Entity {
  const entity = table.entity as unknown as EntityClass
  hydration = { entity, row, session }
  try {
    const made = new entity(hasConstructor(entity) ? valuesOf(table, row) : undefined)
    refuseShadowing(made, table, row)
    constructed(entity)
    return made
  } catch (cause) {
    throw explainConstruction(cause, table)
  } finally {
    hydration = undefined
  }
}

// The base class takes the row and ignores its argument. A constructor of the program may read the argument.
function hasConstructor(entity: EntityClass): boolean {
  let answer = withConstructor.get(entity)
  if (answer === undefined) {
    answer = /\bconstructor\s*\(/.test(Function.prototype.toString.call(entity))
    withConstructor.set(entity, answer)
  }
  return answer
}

function valuesOf(table: TableMetadata, row: RawRow): Record<string, unknown> {
  return Object.fromEntries(
    table.columns.map((column) => [
      column.property,
      decodeColumn(column, row[column.position] ?? null, table, row),
    ]),
  )
}

export function assignRow(
  target: object,
  table: TableMetadata,
  row: RawRow,
  isFirst: boolean,
): void {
  for (const column of table.columns) {
    assign(target, column, decodeColumn(column, row[column.position] ?? null, table, row), isFirst)
  }
}
