import { DataBridgeError } from '../errors.ts'
import type { Finding } from '../observe/finding.ts'
import type { Unit } from './unit.ts'

/** Throws if something was found in a request or a job whose mode is `'strict'`. Call it before its commit. */
export function refuseFlagged(unit: Unit): void {
  const error = refusalOf(unit)
  if (error !== undefined) throw error
}

/** Why a request or a job whose mode is `'strict'` must not succeed; undefined if it may. */
export function refusalOf(unit: Unit): DataBridgeError | undefined {
  const finding = unit.refused
  return finding && flaggedError(finding)
}

/** It names kind, target and count, also to the client: the mode `'strict'` is for development and tests. */
function flaggedError({ kind, target, count, site, fix }: Finding): DataBridgeError {
  const statements = `${count} ${count === 1 ? 'statement' : 'statements'}`
  const safeMessage = `Nothing was saved: ${kind} ${target}, ${statements}.`
  const place = site === undefined ? '' : ` at ${site.file}:${site.line}:${site.column}`
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_N_PLUS_ONE',
    `${kind} ${target}, ${statements}${place}; instead: ${fix}`,
    { safeMessage },
  )
}
