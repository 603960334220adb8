import { lacks } from '../entity/deferred.ts'
import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { storedKey, textsOfKey } from '../entity/identity.ts'
import { provenanceOf } from '../entity/provenance.ts'
import type { DeferredNames, TableOf } from '../entity/types.ts'
import { DataBridgeError, describe } from '../errors.ts'
import type { QueryOperation } from '../observe/operation.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { AnyEntityClass, EntityOf, FieldsOf } from '../schema/relation.ts'
import { columnsOf } from '../schema/row-columns.ts'
import { tableOf } from '../schema/table-of.ts'
import { FetchedRows } from '../sql/fetched.ts'
import { selectByKeys } from '../sql/key-statements.ts'
import { fetchObserved, type LoadContext } from './context.ts'
import type { LoaderOf } from './loader.ts'

/** Loads deferred columns of entities. Immutable. */
export class Undefer<Table> implements LoaderOf<Table> {
  /** For the type checker only. */
  declare readonly __table: (name: Table) => void
  /** @internal */
  readonly table: TableMetadata
  /** @internal */
  readonly columns: readonly ColumnMetadata[]

  /** @internal Made by `undefer(…)`. */
  constructor(table: TableMetadata, columns: readonly ColumnMetadata[]) {
    this.table = table
    this.columns = Object.freeze(columns)
    Object.freeze(this)
  }
}

/**
 * Reads deferred columns with the rows of a query. An entity that the session holds already gets their values,
 * and keeps its others.
 *
 * @throws DataBridgeError `DATA_BRIDGE_ERR_QUERY` if a column is not deferred.
 *
 * @example
 * ```ts
 * import { integer, type Session, table, text, undefer } from 'fastify-data-bridge/orm'
 *
 * class Article extends table('articles', {
 *   id: integer().primaryKey().generated(),
 *   title: text(),
 *   body: text().deferred(),
 * }) {}
 *
 * export function newest(session: Session): Promise<Article | null> {
 *   return session.find(Article)
 *     .orderBy((article) => article.id.desc())
 *     .options(undefer(Article, 'body'))
 *     .first()
 * }
 * ```
 */
export function undefer<C extends AnyEntityClass>(
  entity: C,
  ...columns: readonly (DeferredNames<FieldsOf<EntityOf<C>>> & string)[]
): Undefer<TableOf<EntityOf<C>>> {
  const table = tableOf(entity)
  const where = `undefer(${table.entityName}, …)`
  if (columns.length === 0) throw noSuchColumn(where, table, 'none')
  return new Undefer(
    table,
    columns.map((name: unknown) => {
      const column = table.deferred.find(({ property }) => property === name)
      if (column === undefined) throw noSuchColumn(where, table, describe(name))
      return column
    }),
  )
}

function noSuchColumn(where: string, { entityName, deferred }: TableMetadata, got: string): Error {
  const has =
    deferred.length === 0
      ? `${entityName} has none`
      : `which are ${deferred.map(({ property }) => property).join(', ')}`
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected names of deferred columns, ${has}; got ${got}`,
  )
}

/** Refuses deferred columns of another entity. */
export function requireColumnsOf(
  loader: Undefer<unknown>,
  table: TableMetadata,
  where: string,
): void {
  const { table: owner, columns } = loader
  if (owner === table) return
  const names = columns.map(({ property }) => `${owner.entityName}.${property}`)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected columns of ${table.entityName}, got ${names.join(', ')}`,
  )
}

/**
 * Loads deferred columns of entities of one class that the session holds, with one statement for those that lack some.
 * An entity whose row is gone stays without them.
 */
export async function loadDeferred(
  context: LoadContext,
  entities: readonly Entity[],
  columns: readonly ColumnMetadata[],
): Promise<void> {
  const missing = columns.length === 0 ? [] : entities.filter((entity) => lacks(entity, columns))
  const [first] = missing
  if (first === undefined) return
  const { table } = stateOf(first)
  const keys = missing.map((entity) => textsOfKey(table.primaryKey, storedKey(entity)))
  const statement = selectByKeys(table, table.primaryKey, keys, columnsOf(table, columns))
  const operation: QueryOperation = {
    kind: 'query',
    name: 'get',
    table,
    filters: 1,
    limit: undefined,
    variant: 'deferred',
    deferred:
      entities.length === 1
        ? { columns, owner: first, provenance: provenanceOf(first) }
        : undefined,
  }
  const fetched = new FetchedRows(({ rows }) => {
    for (const row of rows)
      context.fillDeferred(missing[Number(row.at(-1)) - 1] as Entity, row.slice(0, -1))
    return rows.length
  })
  await fetchObserved(context, { statement, operation, fetched })
}
