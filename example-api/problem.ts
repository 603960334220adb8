import { inspect } from 'node:util'
import { DataBridgeError } from 'fastify-data-bridge'

/** Something that whoever started the program can mend: its message is all there is to say. */
export class Problem extends Error {}

/** What a program writes before it ends with an error. */
export function explain(error: unknown): string {
  return error instanceof Problem || error instanceof DataBridgeError
    ? error.message
    : inspect(error)
}
