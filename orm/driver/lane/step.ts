import type { Part } from './part.ts'
import { readsBinary, type RowFormat, rowFormat } from './row-format.ts'
import { Statement, type Statements } from './statements.ts'

/** What an exchange does for one of its parts. */
export interface Step {
  readonly part: Part
  /** Undefined if the part has no name. */
  readonly statement: Statement | undefined
  /** Another statement may have its name. */
  readonly closes: boolean
  readonly parses: boolean
  readonly describes: boolean
  /** Undefined if rows are texts, or are read from `pg`'s messages. */
  readonly format: RowFormat | undefined
}

/**
 * @param exchange the number of the exchange
 * @param readsBytes whether rows may come in binary format
 */
export function stepOf(
  part: Part,
  statements: Statements,
  exchange: number,
  readsBytes: boolean,
): Step {
  const { name, decoder } = part
  if (name === undefined || name === '') {
    return {
      part,
      statement: undefined,
      closes: false,
      parses: true,
      describes: part.described !== undefined,
      format: readsBytes && decoder ? rowFormat(decoder, undefined) : undefined,
    }
  }
  const last = statements.get(name)
  const isSame = last !== undefined && last.text === part.text
  const isReady = isSame && (last.isKnown || last.parsedIn === exchange)
  const statement = isSame ? last : new Statement(name, part.text)
  if (!isReady) {
    statement.parsedIn = exchange
    statement.typeIds = undefined
    statements.add(statement)
  }
  const describes =
    statement.typeIds === undefined &&
    (part.described !== undefined || (readsBytes && decoder !== undefined && readsBinary(decoder)))
  return {
    part,
    statement,
    closes: !isReady && last !== undefined,
    parses: !isReady,
    describes,
    format: readsBytes && decoder ? statement.format(decoder) : undefined,
  }
}
