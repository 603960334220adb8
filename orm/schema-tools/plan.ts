import type { Catalogue } from './catalogue.ts'
import { createExtension, createNamespace, createType } from './ddl.ts'
import type { PlacedEnumeration } from './declared-types.ts'
import type { TableDefinition } from './definition.ts'
import type { TakenNames } from './names.ts'
import type { Step } from './steps.ts'
import { stepsOf } from './table-steps.ts'

/** What a program declares. */
export interface Declarations {
  readonly definitions: readonly TableDefinition[]
  readonly enumerations: readonly PlacedEnumeration[]
  readonly extensions: readonly string[]
}

/** The statements that make what the database lacks. What is there stays as it is. */
export function missingSteps(
  { definitions, enumerations, extensions }: Declarations,
  catalogue: Catalogue,
): Step[] {
  const names = takenNames(definitions, catalogue)
  const parts = definitions.map((definition) =>
    stepsOf(definition, definitions, catalogue, names.get(definition.schema) as TakenNames),
  )
  return [
    ...namespaceSteps([...definitions, ...enumerations], catalogue),
    ...extensions
      .filter((name) => !catalogue.extensions.includes(name))
      .map((name) => ({ what: `create the extension ${name}`, sql: createExtension(name) })),
    ...enumerationSteps(enumerations, catalogue),
    ...parts.flatMap(({ table }) => table),
    ...parts.flatMap(({ indexes }) => indexes),
    // A foreign key needs the table, and the unique constraint, that it refers to.
    ...parts.flatMap(({ foreignKeys }) => foreignKeys),
    ...parts.flatMap(({ comment }) => comment),
  ]
}

function namespaceSteps(
  placed: readonly { readonly schema: string }[],
  { namespaces }: Catalogue,
): Step[] {
  return [...new Set(placed.map(({ schema }) => schema))]
    .filter((schema) => !namespaces.includes(schema))
    .map((schema) => ({ what: `create the schema ${schema}`, sql: createNamespace(schema) }))
}

function enumerationSteps(
  placed: readonly PlacedEnumeration[],
  { enumerations }: Catalogue,
): Step[] {
  return placed
    .filter(
      ({ schema, type }) =>
        !enumerations.some((other) => other.schema === schema && other.name === type.name),
    )
    .map(({ schema, type }) => ({
      what: `create the type ${schema}.${type.name}`,
      sql: createType(type),
    }))
}

/** The names in use, for each PostgreSQL schema: an index of one table cannot have the name of another's. */
function takenNames(
  definitions: readonly TableDefinition[],
  { tables }: Catalogue,
): Map<string, TakenNames> {
  const names = new Map<string, TakenNames>()
  const take = (schema: string, taken: readonly string[]): void => {
    names.set(schema, new Set([...(names.get(schema) ?? []), ...taken]))
  }
  for (const { schema, name, checks } of definitions)
    take(schema, [name, ...checks.map((check) => check.name)])
  for (const { schema, indexes, constraints } of tables)
    take(schema, [...indexes.map(({ name }) => name), ...constraints])
  return names
}
