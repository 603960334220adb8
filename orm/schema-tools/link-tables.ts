import { DataBridgeError } from '../errors.ts'
import { declarationOf } from '../schema/link-table.ts'
import type { TableMetadata } from '../schema/metadata.ts'

/** The link tables without an entity class that relations of the tables name, each once. */
export function linkTablesOf(tables: readonly TableMetadata[]): TableMetadata[] {
  const found = tables.flatMap((table) =>
    [...table.relations.values()].flatMap(({ through }) =>
      through?.isPlain === true ? through.table : [],
    ),
  )
  return [...new Set(found)]
}

/**
 * Refuses a link table that is declared otherwise too: by an entity class, which the relation has to give then,
 * or by relations between other tables.
 *
 * @param currentSchema where tables are that name no schema, if it is known
 */
export function requireOneDeclaration(
  tables: readonly TableMetadata[],
  currentSchema?: string,
): void {
  const links = linkTablesOf(tables)
  if (links.length === 0) return
  const placed = (table: TableMetadata): string => placeOf(table, currentSchema)
  const others = [...new Set([...tables, ...tables.flatMap(relatedTables)])]
  for (const link of links) {
    for (const other of others) {
      if (other === link || placed(other) !== placed(link)) continue
      if (!links.includes(other)) throw hasEntityError(link, other)
      if (keysOf(other, placed) !== keysOf(link, placed)) throw otherKeysError(link, other)
    }
  }
}

/** The tables that relations and foreign keys of a table lead to. */
function relatedTables(table: TableMetadata): TableMetadata[] {
  return [
    ...table.foreignKeys.map(({ target }) => target),
    ...[...table.relations.values()].flatMap(({ target, through }) =>
      through === undefined ? target : [target, through.table],
    ),
  ]
}

function placeOf({ schema, name }: TableMetadata, currentSchema: string | undefined): string {
  return JSON.stringify([schema ?? currentSchema, name])
}

/** Equal for link tables that refer to the same tables by the same columns. */
function keysOf(link: TableMetadata, placed: (table: TableMetadata) => string): string {
  return JSON.stringify(
    link.foreignKeys.map(({ columns, target }) => [
      columns.map(({ name, type }) => [name, type.sql]),
      placed(target),
    ]),
  )
}

function hasEntityError(link: TableMetadata, { entityName }: TableMetadata): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `${entityName} and ${declarationOf(link)} declare the table ${link.fullName}: expected the entity class in place of ` +
      `its name: { through: ${entityName} }`,
  )
}

function otherKeysError(link: TableMetadata, other: TableMetadata): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    `${declarationOf(link)} and ${declarationOf(other)} declare the table ${link.fullName} for other keys; ` +
      'expected one link table for each pair of entities',
  )
}
