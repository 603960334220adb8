import type { Finding } from '../../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../../observe/observer.ts'
import type { Operation, SessionOperation } from '../../observe/operation.ts'
import { LevelRepetitions } from '../level-repetitions.ts'
import { type Told, writeFinding } from '../repetitions.ts'
import type { Evidence, RuleOfTransactions } from '../rule.ts'
import type { SessionTransaction } from '../session-transaction.ts'
import { targetOf } from '../written-text.ts'

// Who writes more at once does so on purpose.
const mostRows = 2

const fixes = {
  flush: 'call session.flush() once, after the loop',
  query:
    'run the query before the loop, or change the entities after it: each query flushes what was changed',
}

/** Finds flushes of few rows in a loop: those of `flush()`, and those before a query. */
export class FlushRule implements RuleOfTransactions {
  readonly #loops: LevelRepetitions
  // A flush of several statements counts once.
  readonly #last = new WeakMap<SessionTransaction, Operation>()

  constructor({ settings }: Evidence) {
    this.#loops = new LevelRepetitions(settings)
  }

  get findings(): readonly Finding[] {
    return this.#loops.patterns.map(writeFinding)
  }

  sent(
    { operation, kind, text, summary }: SentStatement,
    transaction: SessionTransaction,
  ): StatementEnd | undefined {
    if (kind !== 'write' || operation === undefined || !isFlush(operation)) return undefined
    const { level } = transaction
    const cause = causeOf(operation)
    if (level === undefined || cause === undefined) return undefined
    const target = targetOf(summary)
    const told = (): Told => ({ target, sql: text, fix: fixes[cause] })
    const { site } = operation.parent ?? operation
    const loop = this.#loops.in(level).at(`${cause} ${target}`, site, told)
    if (loop === undefined) return undefined
    if (this.#last.get(transaction) !== operation) loop.turn()
    this.#last.set(transaction, operation)
    return loop.ended
  }
}

function isFlush(operation: Operation): operation is SessionOperation {
  return operation.kind === 'session' && operation.name === 'flush'
}

/** Undefined if the flush belongs to a commit, or to a method that inserts rows. */
function causeOf({
  parent,
  pending,
  dirty,
  deleted,
}: SessionOperation): keyof typeof fixes | undefined {
  if (pending + dirty + deleted > mostRows) return undefined
  if (parent === undefined) return 'flush'
  return parent.kind === 'query' && parent.name !== 'insert' ? 'query' : undefined
}
