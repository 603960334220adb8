import type { ErrorCode } from '../../errors.ts'

/** A stored text that a type cannot read. Its message follows the name of the column: `holds an infinite timestamp`. */
export class UnreadableError extends Error {}

/** A value that turns out not to be writable while it is encoded. Its message follows the name of the column. */
export class UnwritableError extends Error {
  readonly code: ErrorCode

  constructor(message: string, code: ErrorCode = 'DATA_BRIDGE_ERR_INVALID_VALUE') {
    super(message)
    this.code = code
  }
}

/** A table may have a column of another type than its class says: nothing but its texts tell. */
export function otherType(expected: string): never {
  throw new UnreadableError(`is declared as ${expected}, but has another type in the database`)
}
