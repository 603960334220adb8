import { DataBridgeError } from '../errors.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import type { Defaults } from '../sql/defaults.ts'
import type { ReadTables } from '../sql/text-sink.ts'

/** Whether a default filter may hide a row that has to be there: the type of the relation has no null. */
export function mayHide(defaults: Defaults, relation: RelationMetadata): boolean {
  const { holdsKey, foreignKey } = relation
  return (
    holdsKey &&
    defaults.behind(relation) !== undefined &&
    foreignKey.every(({ nullable }) => !nullable)
  )
}

/** The error of a required relation without a row that its default filter shows. */
export function hiddenError({ owner, name, target }: RelationMetadata): DataBridgeError {
  const relation = `${owner.entityName}.${name}`
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_RELATION_NOT_LOADED',
    `${relation} expected a row, got none: the default filter of ${target.entityName} hides it. Show it with the ` +
      `option of the relation { withDefaults: false } or selectinload(${relation}).withDefaults(false), ` +
      `or leave out its owners: filter((row) => row.${name}.has())`,
  )
}

/**
 * The tables whose changes decide which rows default filters show behind a relation. Your own SQL may read any.
 * Undefined if there are no filters.
 */
export function filteringTables(
  defaults: Defaults,
  relation: RelationMetadata,
): ReadTables | undefined {
  const { target, through } = relation
  const ofTarget = defaults.behind(relation)
  const ofLink = through && defaults.linking(through)
  if (ofTarget === undefined && ofLink === undefined) return undefined
  if (ofTarget?.readsAny === true || ofLink?.readsAny === true) return 'any'
  return through === undefined ? [target] : [target, through.table]
}
