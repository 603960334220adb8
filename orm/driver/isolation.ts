import { DataBridgeError, describe } from '../errors.ts'

/** What a transaction sees of the others. */
export type Isolation = 'read committed' | 'repeatable read' | 'serializable'

const isolations: readonly unknown[] = ['read committed', 'repeatable read', 'serializable']

/** Refuses what is none; it becomes a part of BEGIN, which takes no parameters. */
export function requireIsolation(isolation: unknown, where = 'isolation'): void {
  if (isolation === undefined || isolations.includes(isolation)) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_OPTION',
    `${where} expected one of '${isolations.join("', '")}'; came ${describe(isolation)}`,
  )
}
