import { recordingScope, type SentStatement } from '../../../orm/index.ts'
import { originOf } from './origin.ts'
import { shapeOf } from './sql-text.ts'

/** A statement of a request. */
export interface RecordedStatement {
  readonly kind: SentStatement['kind']
  readonly text: string
  readonly summary: string
  readonly by: string
  readonly shape: string
  /** Whether its session was in a transaction. */
  readonly isInTransaction: boolean
}

/** Runs a function, and lists what the sessions that begin in it send. */
export async function recorded<T>(
  fn: () => Promise<T>,
): Promise<{ readonly result: T; readonly statements: readonly RecordedStatement[] }> {
  const statements: RecordedStatement[] = []
  const sessionBegun = () => {
    let isInTransaction = false
    return {
      statementSent({ kind, text, summary, operation }: SentStatement): undefined {
        if (kind === 'control') isInTransaction = nextState(isInTransaction, text)
        const by = originOf(operation)
        statements.push({ kind, text, summary, by, shape: shapeOf(text), isInTransaction })
      },
    }
  }
  const result = await recordingScope.run({ detects: false, sessionBegun }, fn)
  return { result, statements }
}

function nextState(isInTransaction: boolean, text: string): boolean {
  if (/^begin\b/i.test(text)) return true
  return isInTransaction && !/^(?:commit|rollback(?! to\b))\b/i.test(text)
}
