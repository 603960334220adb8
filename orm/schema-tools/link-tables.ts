import { DataBridgeError } from '../errors.ts'
import { declarationOf, isSameLink } from '../schema/link-table.ts'
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
  const others = [...new Set([...tables, ...tables.flatMap(relatedTables)])]
  for (const link of links) {
    const other = others.find(
      (table) =>
        table !== link && isSameName(table, link, currentSchema) && !isSameLink(table, link),
    )
    if (other !== undefined) throw declaredTwiceError(link, other, links.includes(other))
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

function isSameName(
  one: TableMetadata,
  other: TableMetadata,
  currentSchema: string | undefined,
): boolean {
  return (
    one.name === other.name && (one.schema ?? currentSchema) === (other.schema ?? currentSchema)
  )
}

function declaredTwiceError(
  link: TableMetadata,
  other: TableMetadata,
  isLink: boolean,
): DataBridgeError {
  const both = `${declarationOf(other)} and ${declarationOf(link)} declare the table ${link.fullName}`
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_SCHEMA',
    isLink
      ? `${both} for other keys; expected one link table for each pair of entities`
      : `${both}: expected the entity class in place of its name: { through: ${other.entityName} }`,
  )
}
