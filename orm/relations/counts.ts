import { provenanceOf } from '../entity/provenance.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import { observed } from '../observe/observer.ts'
import type { QueryOperation } from '../observe/operation.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import type { Defaults } from '../sql/defaults.ts'
import { type Fetched, FetchedRows } from '../sql/fetched.ts'
import { existsOf, rowsWhere, Select, type SelectParts, selectStatement } from '../sql/select.ts'
import { countBehind } from './count-projection.ts'
import type { CallSite } from '../util/call-site.ts'
import type { LoadContext } from './context.ts'
import type { KeyTexts } from './keys.ts'
import { nearOf } from './near.ts'
import { equalTo } from './related.ts'
import { farSide } from './side.ts'

/** How many rows a relation of one entity leads to: as a loader has counted, or with one statement. */
export function countRelated(
  context: LoadContext,
  owner: object,
  relation: RelationMetadata,
  site: CallSite | undefined,
): Promise<number> {
  const known = relationHandle(owner, relation.name).countAt(context.epoch)
  if (known !== undefined) return Promise.resolve(known)
  const count = new FetchedRows(({ rows }) => Number(rows[0]?.[0]))
  const asked = (parts: SelectParts): Select =>
    new Select({ ...parts, projection: countBehind(relation) })
  return ask(context, 'count', owner, relation, site, asked, count, 0)
}

/** Whether a relation of one entity leads to a row. */
export function existsRelated(
  context: LoadContext,
  owner: object,
  relation: RelationMetadata,
  site: CallSite | undefined,
): Promise<boolean> {
  const known = relationHandle(owner, relation.name).countAt(context.epoch)
  if (known !== undefined) return Promise.resolve(known > 0)
  const exists = new FetchedRows(({ rows }) => rows[0]?.[0] === 't')
  return ask(context, 'exists', owner, relation, site, existsOf, exists, false)
}

function ask<T extends number | boolean>(
  context: LoadContext,
  name: 'count' | 'exists',
  owner: object,
  relation: RelationMetadata,
  site: CallSite | undefined,
  selectOf: (parts: SelectParts) => Select,
  fetched: Fetched<T>,
  none: T,
): Promise<T> {
  const near = nearOf(relation)
  const key = near.keyOf(owner)
  if (key === undefined) return Promise.resolve(none)
  const operation: QueryOperation = {
    kind: 'query',
    name,
    table: relation.target,
    filters: 1,
    limit: undefined,
    counted: { relation, owner, provenance: provenanceOf(owner) },
    site,
  }
  const select = selectOf(partsOf(relation, context.defaults, near.textsOf(key)))
  const send = (): Promise<T> => context.fetch(selectStatement(select), operation, fetched)
  return observed(context.observer, operation, send, (result) => ({ rows: Number(result) }))
}

function partsOf(relation: RelationMetadata, defaults: Defaults, texts: KeyTexts): SelectParts {
  const { source, nodes, link, isBare } = farSide(relation)
  return { ...rowsWhere(source, defaults, equalTo(nodes, texts), []), joins: link, isBare }
}
