import type { Finding } from '../../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../../observe/observer.ts'
import { LevelRepetitions } from '../level-repetitions.ts'
import { Repetitions, type Told, writeFinding } from '../repetitions.ts'
import type { Evidence, RuleOfTransactions } from '../rule.ts'
import type { SessionTransaction } from '../session-transaction.ts'
import type { TransactionLevel } from '../transaction-level.ts'

// With more, it is hardly the transaction that costs.
const mostStatements = 3

const fixes = {
  transaction:
    'one transaction for all: database.transaction(async (session) => { for (…) … }), or one session.commit() after the loop',
  conflict:
    'one transaction for all: database.transaction(async (session) => { for (…) … }), unless each row has to be saved whatever happens to the others',
  savepoint:
    'no transaction() for each row, unless the others have to be saved if one fails; session.insertMany(…, { onConflict }) passes over rows that are there',
}

/** Finds small transactions in a loop, and savepoints. */
export class TransactionRule implements RuleOfTransactions {
  readonly #transactions: Repetitions
  readonly #savepoints: LevelRepetitions

  constructor({ settings }: Evidence) {
    this.#transactions = new Repetitions(settings)
    this.#savepoints = new LevelRepetitions(settings)
  }

  get findings(): readonly Finding[] {
    return [...this.#transactions.patterns, ...this.#savepoints.patterns].map(writeFinding)
  }

  sent(
    { kind, operation }: SentStatement,
    { completed }: SessionTransaction,
  ): StatementEnd | undefined {
    if (kind !== 'control' || completed === undefined || !isSmall(completed)) return undefined
    const { target, sql, site = operation?.site } = completed
    return ({ error }) => {
      if (error !== undefined || target === undefined) return
      const cause = causeOf(completed)
      const all =
        completed.outer === undefined ? this.#transactions : this.#savepoints.in(completed.outer)
      const told = (): Told => ({
        target,
        sql,
        fix: fixes[cause],
        ...(cause !== 'transaction' && { severity: 'info' }),
      })
      const loop = all.at(`${cause} ${target}`, site, told)
      loop?.turn()
      loop?.took(completed.durationMs)
    }
  }
}

function isSmall({ statements, isBatch, target }: TransactionLevel): boolean {
  return statements <= mostStatements && !isBatch && target !== undefined
}

function causeOf({ outer, handlesConflict }: TransactionLevel): keyof typeof fixes {
  if (outer !== undefined) return 'savepoint'
  return handlesConflict ? 'conflict' : 'transaction'
}
