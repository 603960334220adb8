import { DataBridgeError, describe } from '../errors.ts'
import { type TableMetadata } from '../schema/metadata.ts'
import type { AnyEntityClass } from '../schema/relation.ts'
import { tableOf } from '../schema/table-of.ts'
import { requireDefaultFilter } from '../sql/defaults.ts'
import type { BaseSession } from '../session/session.ts'
import { type Catalogue, currentSchemaOf, readTables, readTypes } from './catalogue.ts'
import { findTable } from './compare.ts'
import { defineFrom, type TableDefinition } from './definition.ts'
import { enumerationsOf, extensionsOf } from './declared-types.ts'
import { linkTablesOf, requireOneDeclaration } from './link-tables.ts'
import { mergeDefinitions } from './merge.ts'
import { type Declarations, missingSteps } from './plan.ts'
import { lockSchema, runStep } from './steps.ts'
import { warnOfDifferences } from './warnings.ts'

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
  for (const definition of declarations.definitions) requireXmin(catalogue, definition)
  const steps = missingSteps(declarations, catalogue)
  warnOfDifferences(declarations, catalogue)
  for (const step of steps) await runStep(session, 'createSchema()', step)
}

function declarationsOf(
  tables: readonly TableMetadata[],
  currentSchema: string | null,
): Declarations {
  const schema = currentSchema ?? ''
  requireOneDeclaration(tables, schema)
  const enumerations = enumerationsOf(tables, schema)
  if (currentSchema === null) {
    for (const named of [...tables, ...enumerations.map(({ type }) => type)]) requireSchema(named)
  }
  return {
    definitions: mergeDefinitions(tables.map((table) => defineFrom(table, schema))),
    enumerations,
    extensions: extensionsOf(tables),
  }
}

/**
 * The tables of entity classes and the link tables that their relations name, each once. Refuses other values,
 * and references to something other than an entity.
 */
export function requireTables(entities: unknown, where: string): TableMetadata[] {
  if (!Array.isArray(entities)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_OPTION',
      `${where} expected an array of entity classes, got ${describe(entities)}`,
    )
  }
  const tables = [...new Set(entities.map((entity) => tableOf(entity)))]
  for (const table of tables) {
    void table.relations
    void table.foreignKeys
    requireDefaultFilter(table)
  }
  requireOneDeclaration(tables)
  return [...tables, ...linkTablesOf(tables)]
}

/** The same, where there has to be one. */
export function requireSomeTables(entities: unknown, where: string): TableMetadata[] {
  const tables = requireTables(entities, where)
  if (tables.length > 0) return tables
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_OPTION',
    `${where} expected entity classes, got none: give them to it, or to the database as the option tables`,
  )
}

function requireSchema({ schema, name }: Pick<TableMetadata, 'schema' | 'name'>): void {
  if (schema !== undefined) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `createSchema() expected a schema for ${name}, got none: the search_path of the connection ` +
      `names no schema that exists; create one, or declare it: { schema: 'app' }`,
  )
}

function requireXmin(catalogue: Catalogue, definition: TableDefinition): void {
  if (!definition.hasXmin || findTable(catalogue, definition)?.isTable !== false) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `${definition.declaredBy} has version: 'xmin', which expected an ordinary or a partitioned table; ` +
      `${definition.sql} is a view or a foreign table`,
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
