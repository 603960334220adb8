import { inspect } from 'node:util'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { type EntityState, findState } from './entity-state.ts'
import { valueOf } from './property.ts'

/** Node's `util.inspect`, and so `console.log`, asks an object for this. */
export const inspectKey: typeof inspect.custom = inspect.custom

/**
 * What `console.log(user)` prints: its properties, except hidden columns and deferred ones that are not loaded, and
 * its loaded relations in short.
 */
export function inspected(entity: object, { table, handles }: EntityState): object {
  const shown: Record<string, unknown> = new (shownClassOf(table))()
  for (const [property, value] of Object.entries(entity)) {
    const column = table.columnOf.get(property)
    const isLeftOut = column?.hidden === true || (column?.deferred === true && value === undefined)
    if (!isLeftOut) define(shown, property, value)
  }
  for (const name of table.relationNames) {
    const handle = handles?.get(name)
    if (handle?.isLoaded === true) define(shown, name, handle)
  }
  return shown
}

// A key may be `__proto__`.
function define(target: object, property: string, value: unknown): void {
  Object.defineProperty(target, property, { value, enumerable: true })
}

const shownClasses = new WeakMap<TableMetadata, new () => Record<string, unknown>>()

/** A class with the entity's name, which is printed before the braces. */
function shownClassOf(table: TableMetadata): new () => Record<string, unknown> {
  const known = shownClasses.get(table)
  if (known !== undefined) return known
  const shown = class {} as new () => Record<string, unknown>
  Object.defineProperty(shown, 'name', { value: table.entityName })
  shownClasses.set(table, shown)
  return shown
}

/** What `console.log(user.posts)` prints: `[Relation Post[] not loaded]`, `[Relation Post[] of 3]`, `[Relation User 7]`. */
export function inspectedRelation(
  { target, cardinality }: RelationMetadata,
  loaded: { readonly value: unknown } | undefined,
): string {
  const name = `Relation ${target.entityName}${cardinality === 'many' ? '[]' : ''}`
  if (loaded === undefined) return `[${name} not loaded]`
  const { value } = loaded
  return Array.isArray(value) ? `[${name} of ${value.length}]` : `[${name} ${keyOf(value)}]`
}

function keyOf(value: unknown): string {
  const state = findState(value)
  if (state === undefined) return String(value)
  const visible = state.table.primaryKey.filter(({ hidden }) => !hidden)
  return visible.map((column) => String(valueOf(value as object, column))).join()
}
