import type { CommitFailure } from '../driver/exchanges.ts'
import type { SessionConnection } from '../driver/session-connection.ts'
import { Sending } from '../driver/sending.ts'
import type { DataBridgeError } from '../errors.ts'
import type { Operation } from '../observe/operation.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import { FetchedRows } from '../sql/fetched.ts'
import type { Statement } from '../sql/statement.ts'
import type { TableFacts } from '../sql/table-facts.ts'
import type { Catalogue } from './catalogue.ts'
import { absorbAll, BatchReader } from './batch-reader.ts'
import type { UnitOfWork } from '../unit-of-work/unit-of-work.ts'
import type { Batch, Writing } from './writing.ts'

/** How many rows travel with COMMIT. */
const mostRows = 1000

/** Sends the statements of one flush, as many as possible in one exchange. */
export class Writer implements Writing {
  readonly work: UnitOfWork
  readonly factsOf: (table: TableMetadata) => TableFacts
  readonly #connection: SessionConnection
  readonly #catalogue: Catalogue
  readonly #operation: Operation
  #batches: Batch[] = []

  constructor(
    work: UnitOfWork,
    connection: SessionConnection,
    catalogue: Catalogue,
    operation: Operation,
  ) {
    this.work = work
    this.#connection = connection
    this.#catalogue = catalogue
    this.factsOf = catalogue.factsOf
    this.#operation = operation
  }

  put(batch: Batch): void {
    this.#batches.push(batch)
  }

  read(statement: Statement): Promise<readonly Row[]> {
    const rows = new FetchedRows((read) => read.rows)
    return this.#connection.fetch(statement, this.#operation, rows)
  }

  settle(): Promise<void> {
    if (this.#batches.length === 0) return Promise.resolve()
    const readers = this.#take((batch) => batch.statement(), false)
    const exchanging = this.#connection.exchange(this.#sendings(readers), this.#operation)
    return exchanging.then(() => this.#absorb(readers))
  }

  /**
   * The same for statements that are made when all that was sent before has its result, so that they know every entity
   * that the session holds.
   *
   * @param put takes them, at least one
   */
  settleNext(put: () => void): Promise<void> {
    let readers: readonly BatchReader[] = []
    const make = (): readonly Sending[] => {
      put()
      readers = this.#take((batch) => batch.statement(), false)
      return this.#sendings(readers)
    }
    const exchanging = this.#connection.exchangeNext(make, this.#operation)
    return exchanging.then(() => this.#absorb(readers))
  }

  #absorb(readers: readonly BatchReader[]): Promise<void> | undefined {
    try {
      absorbAll(readers)
      return undefined
    } catch (error) {
      // Rows were written that the session does not know as it should.
      return this.#connection.fail(error as DataBridgeError).then(() => {
        throw error
      })
    }
  }

  /**
   * Commits the transaction together with what is left to send, if the server can check it before: nothing is
   * left to check after a COMMIT.
   */
  async commit(operation: Operation): Promise<CommitFailure | undefined> {
    const guarded = this.#mayInterrupt ? [undefined] : this.#batches.map(guardedOf)
    if (guarded.includes(undefined)) {
      await this.settle()
      return this.#connection.commit(operation)
    }
    const readers = this.#take((_, index) => guarded[index] as Statement, true)
    const failed = await this.#connection.commit(operation, this.#sendings(readers))
    if (failed === undefined) absorbAll(readers)
    return failed
  }

  /** An exchange with COMMIT is not cancelled, so what somebody may want to interrupt comes before it. */
  get #mayInterrupt(): boolean {
    if (this.#connection.hasSignal) return true
    let rows = 0
    for (const { entities } of this.#batches) rows += entities.length
    return rows > mostRows
  }

  #take(
    statementOf: (batch: Batch, index: number) => Statement,
    isGuarded: boolean,
  ): readonly BatchReader[] {
    const readers = this.#batches.map(
      (batch, index) =>
        new BatchReader(batch, statementOf(batch, index), isGuarded, this.#catalogue),
    )
    this.#batches = []
    return readers
  }

  #sendings(readers: readonly BatchReader[]): readonly Sending[] {
    return readers.map((reader) => {
      const sending = new Sending(reader.statement, reader, this.#operation)
      reader.sent = sending
      return sending
    })
  }
}

// A frozen entity takes no result, which would be known only after the COMMIT.
function guardedOf(batch: Batch): Statement | undefined {
  return batch.entities.some(Object.isFrozen) ? undefined : batch.guarded()
}
