import type { Finding } from '../../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../../observe/observer.ts'
import type { Operation, QueryOperation } from '../../observe/operation.ts'
import { LevelRepetitions } from '../level-repetitions.ts'
import { type Told, writeFinding } from '../repetitions.ts'
import type { Evidence, RuleOfTransactions } from '../rule.ts'
import type { SessionTransaction } from '../session-transaction.ts'
import { isMany, type WrittenText, writtenBy } from '../written-text.ts'

const writing: ReadonlySet<QueryOperation['name']> = new Set([
  'execute',
  'insert',
  'upsert',
  'update',
  'delete',
])

/** Finds writes of single rows in a loop: of your own SQL, and by the methods that write beside the unit of work. */
export class WriteRule implements RuleOfTransactions {
  readonly #isExact: boolean
  readonly #loops: LevelRepetitions
  // A method of several statements counts once.
  readonly #last = new WeakMap<SessionTransaction, Operation>()

  constructor({ settings }: Evidence) {
    this.#isExact = settings.mode !== 'count'
    this.#loops = new LevelRepetitions(settings, true)
  }

  get findings(): readonly Finding[] {
    return this.#loops.patterns.map(writeFinding)
  }

  sent(
    { operation, kind, text, parameters }: SentStatement,
    transaction: SessionTransaction,
  ): StatementEnd | undefined {
    if (kind !== 'write') return undefined
    const { level } = transaction
    const method = methodOf(operation)
    if (level === undefined || method === undefined) return undefined
    const written = writtenBy(text)
    if (written === undefined || written.isBatch) return undefined
    if (this.#last.get(transaction) === method) return undefined
    this.#last.set(transaction, method)
    const { site } = method
    // Where nothing tells the loop, the text has to.
    const key = this.#isExact && site !== undefined ? written.target : text
    return ({ durationMs, rows = 0, error }) => {
      if (error !== undefined || isMany(written, rows)) return
      const told = (): Told => ({ target: written.target, sql: text, fix: fixOf(written, method) })
      const loop = this.#loops.in(level).at(key, site, told)
      loop?.turn({ text, values: parameters })
      loop?.took(durationMs)
    }
  }
}

/** The method that the program has called, if it writes rows by itself. */
function methodOf(operation: Operation | undefined): QueryOperation | undefined {
  if (operation?.kind === 'query') return writing.has(operation.name) ? operation : undefined
  const parent = operation?.parent
  // The rows of `insertMany()` are inserted by a flush.
  return parent?.kind === 'query' && parent.name === 'insert' ? parent : undefined
}

function fixOf({ verb }: WrittenText, { name, table }: QueryOperation): string {
  const entity = table?.entityName
  if (entity === undefined) return ownFixes[verb]
  if (name === 'insert') return `session.insertMany(${entity}, rows), once for all rows`
  if (name === 'upsert')
    return `session.insertMany(${entity}, rows, { onConflict: { on, update } })`
  const all = `session.find(${entity}).filter((row) => row.id.in(ids))`
  return name === 'update' ? `${all}.update(…)` : `${all}.delete()`
}

const ownFixes = {
  INSERT:
    'session.insertMany(Entity, rows), or one statement: insert into … select * from unnest($1, $2)',
  UPDATE:
    'one statement for all rows: update … from unnest($1, $2) as given (id, value) where …, or where id = any($1)',
  DELETE: 'one statement for all rows: delete … where id = any($1), with an array',
  MERGE: 'one statement for all rows: merge into … using unnest($1, $2) …',
}
