import { DataBridgeError, describe } from '../errors.ts'
import type { Statement } from './statement.ts'
import { Sql } from './template.ts'
import { render } from './writer.ts'

/** The statement of a `sql` template; it may write, so it needs a transaction. */
export function rawStatement(fragment: unknown): Statement {
  if (!(fragment instanceof Sql)) {
    const came =
      typeof fragment === 'string'
        ? 'a string, whose values could not be told from SQL'
        : describe(fragment)
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `execute() expected a template such as sql\`select …\`; came ${came}`,
    )
  }
  const text = render(fragment)
  const verb = /[a-z]+/i.exec(text)?.[0].toUpperCase() ?? 'SQL'
  return { text, parameters: fragment.parameters, kind: 'write', summary: verb }
}
