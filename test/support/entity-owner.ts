import type { EntityOwner } from '../../orm/entity/entity-state.ts'

const notAsked = (): Promise<never> => Promise.reject(new Error('not asked'))

/** What a unit of work has in place of a session, where its entities ask for nothing. */
export const owner: EntityOwner = {
  jsonBudget: undefined,
  relationTouched: undefined,
  loadRelation: notAsked,
  heldTarget: () => undefined,
  adopt: () => undefined,
  related: () => undefined,
  changedRelation: () => undefined,
  loadedRelation: () => undefined,
  countRelation: notAsked,
  hasRelated: notAsked,
  give: async (work) => work(),
}
