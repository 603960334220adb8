import { inspect } from 'node:util'
import { DataBridgeError } from 'fastify-data-bridge'

/** A problem that the user of the program can fix. Its message is enough; no stack is printed. */
export class Problem extends Error {}

/** Returns the text that a program prints before it ends with an error. */
export function explain(error: unknown): string {
  // It is printed in a terminal, so it may name the server.
  if (error instanceof DataBridgeError) return error.details
  return error instanceof Problem ? error.message : inspect(error)
}
