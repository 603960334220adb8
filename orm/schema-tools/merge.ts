import { DataBridgeError } from '../errors.ts'
import { columnDefinition } from './ddl.ts'
import type { ForeignKeyDefinition, TableDefinition } from './definition.ts'

/** Joins the definitions of several entities of one table. Refuses those whose columns differ. */
export function mergeDefinitions(definitions: readonly TableDefinition[]): TableDefinition[] {
  const merged = new Map<string, TableDefinition>()
  for (const definition of definitions) {
    const key = JSON.stringify([definition.schema, definition.name])
    const first = merged.get(key)
    merged.set(key, first === undefined ? definition : merge(first, definition))
  }
  return [...merged.values()]
}

function merge(first: TableDefinition, second: TableDefinition): TableDefinition {
  requireSameColumns(first, second)
  return {
    ...first,
    unique: distinct([...first.unique, ...second.unique]),
    indexes: distinct([...first.indexes, ...second.indexes]),
    checks: distinct([...first.checks, ...second.checks]),
    foreignKeys: distinctKeys([...first.foreignKeys, ...second.foreignKeys]),
    comment: first.comment ?? second.comment,
    hasXmin: first.hasXmin || second.hasXmin,
  }
}

function requireSameColumns(first: TableDefinition, second: TableDefinition): void {
  const expected = linesOf(first)
  const got = linesOf(second)
  const missing = expected.filter((line) => !got.includes(line))
  const added = got.filter((line) => !expected.includes(line))
  if (missing.length === 0 && added.length === 0) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `${first.declaredBy} and ${second.declaredBy} declare the table ${first.schema}.${first.name} with different columns: ` +
      `${second.declaredBy} expected ${missing.join(', ') || 'no other columns'} as in ${first.declaredBy}, ` +
      `got ${added.join(', ') || 'no such column'}; declare the columns alike`,
  )
}

function linesOf({ columns, primaryKey }: TableDefinition): string[] {
  return [...columns.map(columnDefinition), `primary key (${primaryKey.join(', ')})`]
}

/** Entities of one table are one target. */
function distinctKeys(keys: readonly ForeignKeyDefinition[]): ForeignKeyDefinition[] {
  const texts = keys.map(({ columns, target, targetColumns, onDelete }) =>
    JSON.stringify([columns, target.schema, target.name, targetColumns, onDelete]),
  )
  return keys.filter((_, index) => texts.indexOf(texts[index] as string) === index)
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()]
}
