import { listed } from '../util/messages.ts'
import type { Catalogue } from './catalogue.ts'
import { addValue } from './ddl.ts'
import type { TableDefinition } from './definition.ts'
import { differencesOf, missingValues } from './differences.ts'
import type { PlacedEnumeration } from './declared-types.ts'
import type { Declarations } from './plan.ts'

/** Warns of each table and enum type that differs where createSchema() changes nothing. */
export function warnOfDifferences(
  { definitions, enumerations }: Declarations,
  catalogue: Catalogue,
): void {
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
  { schema, name, declaredBy }: TableDefinition,
  differences: readonly string[],
): string {
  return (
    `The table ${schema}.${name} differs from the declaration of ${declaredBy}:\n` +
    differences.map((difference) => `- ${difference}\n`).join('') +
    'createSchema() does not alter columns, and creates no constraint or index over a column that differs. ' +
    `Alter the table in a migration, or change the declaration of ${declaredBy}.`
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
