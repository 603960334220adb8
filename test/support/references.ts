import { type Entity } from '../../orm/index.ts'
import { stateOf } from '../../orm/entity/entity-state.ts'
import { setValue } from '../../orm/entity/property.ts'

/** Makes a new entity refer to one that was made after it, which no constructor can do. */
export function refer(entity: Entity, relation: string, target: Entity): void {
  const state = stateOf(entity)
  const { foreignKey } = state.table.relation(relation)
  for (const column of foreignKey) setValue(entity, column, undefined)
  state.references ??= new Map()
  state.references.set(state.table.relation(relation), target)
}
