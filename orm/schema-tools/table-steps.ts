import { DataBridgeError } from '../errors.ts'
import { listed } from '../util/messages.ts'
import { isSameList } from '../util/lists.ts'
import { startsWith } from './column-lists.ts'
import type { Catalogue, ExistingTable } from './catalogue.ts'
import {
  canReferTo,
  findForeignKey,
  findTable,
  hasColumns,
  hasIndex,
  hasUnique,
  servesColumns,
} from './compare.ts'
import {
  addConstraints,
  checkConstraint,
  commentOnTable,
  createIndex,
  createTable,
  foreignKeyConstraint,
  uniqueConstraint,
} from './ddl.ts'
import type { ForeignKeyDefinition, TableDefinition } from './definition.ts'
import { type TakenNames, takeName } from './names.ts'
import type { Step } from './steps.ts'

/** The statements that make what the database lacks of a table, by when they have their turn. */
export interface TableSteps {
  readonly table: readonly Step[]
  readonly indexes: readonly Step[]
  readonly foreignKeys: readonly Step[]
  readonly comment: readonly Step[]
}

export function stepsOf(
  definition: TableDefinition,
  definitions: readonly TableDefinition[],
  catalogue: Catalogue,
  taken: TakenNames,
): TableSteps {
  const existing = findTable(catalogue, definition)
  if (existing?.isTable === false) return { table: [], indexes: [], foreignKeys: [], comment: [] }
  const isReady = (columns: readonly string[]): boolean =>
    existing === undefined || hasColumns(catalogue, existing, definition, columns)
  const keys = definition.foreignKeys.filter(
    (key) =>
      (existing === undefined || findForeignKey(existing, key) === undefined) &&
      isReady(key.columns) &&
      isPossible(definition, key, definitions, catalogue),
  )
  return {
    table: tableSteps(definition, existing, isReady, taken),
    indexes: wantedIndexes(definition, existing)
      .filter((columns) => isReady(columns) && !isIndexed(existing, definition, columns))
      .map((columns) => ({
        what: `create an index on ${label(definition)} (${columns.join(', ')})`,
        sql: createIndex(takeName(taken, definition.name, columns, 'idx'), definition, columns),
      })),
    foreignKeys: foreignKeySteps(definition, keys, taken),
    comment: commentSteps(definition, existing),
  }
}

function tableSteps(
  definition: TableDefinition,
  existing: ExistingTable | undefined,
  isReady: (columns: readonly string[]) => boolean,
  taken: TakenNames,
): Step[] {
  const constraints = [
    ...definition.unique
      .filter(
        (columns) => isReady(columns) && (existing === undefined || !hasUnique(existing, columns)),
      )
      .map((columns) =>
        uniqueConstraint(takeName(taken, definition.name, columns, 'key'), columns),
      ),
    ...definition.checks
      .filter(
        ({ name, columns }) =>
          isReady(columns) && (existing === undefined || !existing.checks.includes(name)),
      )
      .map(checkConstraint),
  ]
  const table = label(definition)
  if (existing === undefined)
    return [{ what: `create the table ${table}`, sql: createTable(definition, constraints) }]
  if (constraints.length === 0) return []
  return [
    { what: `add constraints to the table ${table}`, sql: addConstraints(definition, constraints) },
  ]
}

/** Includes those of foreign keys that the declared primary key would serve, where the table has another one. */
function wantedIndexes(
  { indexes, foreignKeys, primaryKey }: TableDefinition,
  existing: ExistingTable | undefined,
): readonly (readonly string[])[] {
  if (existing === undefined) return indexes
  const more = foreignKeys
    .map(({ columns }) => columns)
    .filter(
      (columns) =>
        startsWith(primaryKey, columns) && !indexes.some((other) => startsWith(other, columns)),
    )
  return [...indexes, ...more]
}

/** Whether an index is there already, of the same columns, or for a foreign key one that begins with them. */
function isIndexed(
  existing: ExistingTable | undefined,
  { foreignKeys }: TableDefinition,
  columns: readonly string[],
): boolean {
  if (existing === undefined) return false
  const isOfForeignKey = foreignKeys.some((key) => isSameList(key.columns, columns))
  return isOfForeignKey ? servesColumns(existing, columns) : hasIndex(existing, columns)
}

function foreignKeySteps(
  definition: TableDefinition,
  keys: readonly ForeignKeyDefinition[],
  taken: TakenNames,
): Step[] {
  if (keys.length === 0) return []
  const constraints = keys.map((key) =>
    foreignKeyConstraint(takeName(taken, definition.name, key.columns, 'fkey'), key),
  )
  return [
    {
      what: `add foreign keys to the table ${label(definition)}`,
      sql: addConstraints(definition, constraints),
    },
  ]
}

/** Refuses a foreign key that cannot be, whatever the database has. */
function isPossible(
  definition: TableDefinition,
  key: ForeignKeyDefinition,
  definitions: readonly TableDefinition[],
  catalogue: Catalogue,
): boolean {
  if (canReferTo(catalogue, definitions, definition, key)) return true
  const { target, targetEntity, targetColumns } = key
  if (findTable(catalogue, target) !== undefined) return false
  const where = `${definition.declaredBy} refers to ${targetEntity} by ${listed(key.columns)}`
  const isGiven = definitions.some(
    ({ schema, name }) => schema === target.schema && name === target.name,
  )
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    isGiven
      ? `${where}: expected a primary key or a unique constraint of ${targetEntity} on exactly ${listed(targetColumns)}, got none; add one to its declaration`
      : `${where}: the table ${target.schema}.${target.name} does not exist; give ${targetEntity} to createSchema() too`,
  )
}

function commentSteps(definition: TableDefinition, existing: ExistingTable | undefined): Step[] {
  const { comment } = definition
  if (comment === undefined || comment === '' || typeof existing?.comment === 'string') return []
  return [
    {
      what: `comment on the table ${label(definition)}`,
      sql: commentOnTable(definition, comment),
    },
  ]
}

function label({ schema, name }: TableDefinition): string {
  return `${schema}.${name}`
}
