import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import {
  heldTarget,
  keyIn,
  type KnownReference,
  knownReferences,
  withAncestors,
} from './references.ts'
import type { Writing } from './writing.ts'

/** The entities of a session whose rows `on delete cascade` may delete with others. */
export interface Cascading {
  /** Those below an entity that the session holds. */
  readonly held: ReadonlyMap<Entity, readonly Entity[]>
  /** Those below a row that the session does not hold, and that may go with the deleted ones. */
  readonly unheld: readonly Entity[]
}

/** What may go with deleted rows of these tables, directly or over other rows. */
export function cascadesBelow(writing: Writing, roots: ReadonlySet<TableMetadata>): Cascading {
  const { identity } = writing.work
  const { references, below } = cascadingReferences(writing, roots)
  const held = new Map<Entity, Entity[]>()
  const unheld: Entity[] = []
  for (const { table, reference } of references)
    for (const entity of identity.of(table).values()) {
      const { snapshot = [] } = stateOf(entity)
      const key = keyIn(snapshot, reference)
      if (key === undefined) continue
      const parent = heldTarget(identity, key, reference)
      const children = parent && held.get(parent)
      if (children !== undefined) children.push(entity)
      else if (parent !== undefined) held.set(parent, [entity])
      else if (below.has(reference.target)) unheld.push(entity)
    }
  return { held, unheld }
}

interface CascadingReference {
  readonly table: TableMetadata
  readonly reference: KnownReference
}

/** The references over which rows go with those of some tables, and the tables of rows that do. */
function cascadingReferences(
  { work, factsOf }: Writing,
  roots: ReadonlySet<TableMetadata>,
): {
  readonly references: readonly CascadingReference[]
  readonly below: ReadonlySet<TableMetadata>
} {
  const tables = withAncestors(work.identity.tables())
  const cascades = [...tables].flatMap((table) =>
    knownReferences(factsOf, table, tables)
      .filter(({ action }) => action === 'cascade')
      .map((reference): CascadingReference => ({ table, reference })),
  )
  const reached = new Set(roots)
  const below = new Set<TableMetadata>()
  for (const parent of reached)
    for (const { table, reference } of cascades)
      if (reference.target === parent) {
        below.add(table)
        reached.add(table)
      }
  return { references: cascades.filter(({ reference }) => reached.has(reference.target)), below }
}
