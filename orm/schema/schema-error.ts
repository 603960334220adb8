import { DataBridgeError } from '../errors.ts'

/** A declaration that is refused. */
export function schemaError(message: string, facts?: { readonly cause: unknown }): DataBridgeError {
  return new DataBridgeError('DATA_BRIDGE_ERR_SCHEMA', message, facts)
}
