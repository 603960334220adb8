import { describe } from '../errors.ts'
import { schemaError } from './schema-error.ts'

const longestIdentifier = 63

/** Refuses a name that PostgreSQL would cut or could not hold. */
export function requireIdentifier(
  where: string,
  what: string,
  name: unknown,
): asserts name is string {
  if (
    typeof name === 'string' &&
    name !== '' &&
    !name.includes('\0') &&
    name.isWellFormed() &&
    Buffer.byteLength(name) <= longestIdentifier
  )
    return
  throw schemaError(
    `${where} expected ${what} of 1 to ${longestIdentifier} bytes, got ${describe(name)}`,
  )
}
