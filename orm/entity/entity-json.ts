import { type EntityState, findState } from './entity-state.ts'
import type { RelationMetadata } from '../schema/metadata.ts'

/** The entities and the relations that lead to one. */
interface Path {
  readonly entities: readonly object[]
  readonly relations: readonly RelationMetadata[]
  readonly isEnd: boolean
}

const root: Path = { entities: [], relations: [], isEnd: false }

/** The columns of an entity, except hidden ones, and its loaded relations: see `Entity.toJSON`. */
export function jsonOf(
  entity: object,
  { table, handles }: EntityState,
  path: Path = root,
): Record<string, unknown> {
  const json: Record<string, unknown> = {}
  for (const column of table.columns) {
    if (column.hidden) continue
    const value = (entity as Record<string, unknown>)[column.property]
    json[column.property] = typeof value === 'bigint' ? String(value) : value
  }
  if (handles === undefined || path.isEnd || path.entities.includes(entity)) return json
  const entities = [...path.entities, entity]
  for (const [name, handle] of handles) {
    if (!handle.isLoaded) continue
    const below = { entities, ...along(path.relations, table.relation(name)) }
    json[name] = valueOf(handle.value, below)
  }
  return json
}

function valueOf(value: unknown, path: Path): unknown {
  if (Array.isArray(value)) return value.map((each) => valueOf(each, path))
  const state = findState(value)
  return state === undefined ? value : jsonOf(value as object, state, path)
}

// Where relations lead in a circle, such as from posts to comments to users to posts, the paths through
// a handful of entities are millions: so none goes round twice. A tree follows one relation again and again.
function along(relations: Path['relations'], relation: RelationMetadata): Omit<Path, 'entities'> {
  if (relations.at(-1) === relation) return { relations, isEnd: false }
  return { relations: [...relations, relation], isEnd: relations.includes(relation) }
}
