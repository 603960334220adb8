import { inspect } from 'node:util'
import { DataBridgeError } from 'fastify-data-bridge'

/** A problem that the user of the program can fix. Its message is enough; no stack is printed. */
export class Problem extends Error {}

/** Returns the text that a program prints before it ends with an error. */
export function explain(error: unknown): string {
  return error instanceof Problem || error instanceof DataBridgeError
    ? error.message
    : inspect(error)
}
