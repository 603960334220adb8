import { DataBridgeError, describe } from '../errors.ts'
import { type TableMetadata } from '../schema/metadata.ts'
import type { AnyEntityClass } from '../schema/relation.ts'
import { tableOf } from '../schema/table-of.ts'
import type { BaseSession } from '../session/session.ts'
import { listed } from '../util/messages.ts'
import { type Catalogue, currentSchemaOf, readTables, readTypes } from './catalogue.ts'
import { addValue } from './ddl.ts'
import { defineFrom, type TableDefinition } from './definition.ts'
import { differencesOf, missingValues } from './differences.ts'
import { enumerationsOf, extensionsOf } from './declared-types.ts'
import { mergeDefinitions } from './merge.ts'
import { type Declarations, missingSteps, type PlacedEnumeration } from './plan.ts'
import { lockSchema, runStep } from './steps.ts'

/**
 * Creates what is missing of the tables and their types, constraints and indexes, in the transaction of
 * the session. Warns where a table that exists differs otherwise.
 */
export async function createTables(
  session: BaseSession,
  entities: readonly AnyEntityClass[],
): Promise<void> {
  const tables = requireSomeTables(entities, 'createSchema()')
  await lockSchema(session)
  const declarations = declarationsOf(tables, await currentSchemaOf(session))
  const catalogue = await readCatalogue(session, declarations)
  const steps = missingSteps(declarations, catalogue)
  warn(declarations, catalogue)
  for (const step of steps) await runStep(session, 'createSchema()', step)
}

function declarationsOf(
  tables: readonly TableMetadata[],
  currentSchema: string | null,
): Declarations {
  const types = enumerationsOf(tables)
  const schema = currentSchema ?? ''
  for (const table of currentSchema === null ? tables : []) requireSchema(table)
  return {
    definitions: mergeDefinitions(tables.map((table) => defineFrom(table, schema))),
    enumerations: types.map((type) => ({ type, schema: type.schema ?? schema })),
    extensions: extensionsOf(tables),
  }
}

/** The tables of entity classes, each once; refuses what is none. */
export function requireTables(entities: unknown, where: string): TableMetadata[] {
  if (Array.isArray(entities)) return [...new Set(entities.map((entity) => tableOf(entity)))]
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_OPTION',
    `${where} expected an array of entity classes; came ${describe(entities)}`,
  )
}

/** The same, where there has to be one. */
export function requireSomeTables(entities: unknown, where: string): TableMetadata[] {
  const tables = requireTables(entities, where)
  if (tables.length > 0) return tables
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_OPTION',
    `${where} expected entity classes; came none: give them to it, or to the database as the option tables`,
  )
}

function requireSchema(table: TableMetadata): void {
  if (table.schema !== undefined) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `createSchema() expected a schema for the table ${table.name}, got none: the search_path of the connection ` +
      `names no schema that exists; create one, or declare it: { schema: 'app' }`,
  )
}

async function readCatalogue(
  session: BaseSession,
  { definitions, enumerations }: Declarations,
): Promise<Catalogue> {
  const targets = definitions.flatMap(({ foreignKeys }) => foreignKeys.map(({ target }) => target))
  const casts = definitions.flatMap(({ columns }) => columns.map(({ type }) => type.cast))
  const placed = enumerations.map(({ schema, type }) => ({ schema, name: type.name }))
  const wanted = new Map(
    [...definitions, ...targets].map((table) => [
      JSON.stringify([table.schema, table.name]),
      table,
    ]),
  )
  return {
    ...(await readTypes(session, placed, [...new Set(casts)])),
    tables: await readTables(session, [...wanted.values()]),
  }
}

function warn({ definitions, enumerations }: Declarations, catalogue: Catalogue): void {
  for (const definition of definitions) {
    const differences = differencesOf(definition, definitions, catalogue)
    if (differences.length > 0) emitWarning(tableWarning(definition, differences))
  }
  for (const placed of enumerations) {
    const values = missingValues(placed, catalogue)
    if (values.length > 0) emitWarning(enumerationWarning(placed, values))
  }
}

function tableWarning(
  { schema, name, entityName }: TableDefinition,
  differences: readonly string[],
): string {
  return (
    `The table ${schema}.${name} differs from the declaration of ${entityName}:\n` +
    differences.map((difference) => `- ${difference}\n`).join('') +
    'createSchema() does not alter columns, and creates no constraint or index over a column that differs. ' +
    `Alter the table in a migration, or change the declaration of ${entityName}.`
  )
}

function enumerationWarning(
  { schema, type }: PlacedEnumeration,
  values: readonly string[],
): string {
  return (
    `The enum type ${schema}.${type.name} differs from its declaration: ` +
    `expected the values ${listed(type.values)}, found it without ${listed(values)}.\n` +
    'createSchema() does not alter enum types. Add the values in a migration:\n' +
    values.map((value) => `${addValue(type, value)};`).join('\n')
  )
}

function emitWarning(message: string): void {
  process.emitWarning(message, { code: 'DATA_BRIDGE_SCHEMA_DIFFERS' })
}
