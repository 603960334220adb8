import type { Part } from './part.ts'
import { readsBinary, type RowFormat, rowFormat } from './row-format.ts'
import { Statement, type Statements } from './statements.ts'

const none: readonly Statement[] = []

/** What an exchange does for one of its parts. */
export interface Step {
  readonly part: Part
  /** Undefined if the part has no name. */
  readonly statement: Statement | undefined
  /** What is closed before it: statements that make room for it, and whatever may have its name. */
  readonly closes: readonly Statement[]
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
      closes: none,
      parses: true,
      describes: part.described !== undefined,
      format: readsBytes && decoder ? rowFormat(decoder, undefined) : undefined,
    }
  }
  const last = statements.get(name)
  const isSame = last !== undefined && last.text === part.text
  const isReady = isSame && (last.isKnown || last.parsedIn === exchange)
  const statement = isSame ? last : new Statement(name, part.text)
  let closes = none
  if (isReady) {
    statement.isUsed = true
  } else {
    statement.parsedIn = exchange
    statement.typeIds = undefined
    statements.add(statement)
    // Its name too: to close what is not there is no error, to parse it once more is one.
    closes = [...statements.makeRoom(statement), statement]
  }
  const describes =
    statement.typeIds === undefined &&
    (part.described !== undefined || (readsBytes && decoder !== undefined && readsBinary(decoder)))
  return {
    part,
    statement,
    closes,
    parses: !isReady,
    describes,
    format: readsBytes && decoder ? statement.format(decoder) : undefined,
  }
}
