import type { DataBridgeError } from '../errors.ts'
import type { Row } from '../schema/wire-form.ts'
import type { Reader, Sent } from '../sql/fetched.ts'
import { guardFailure } from '../sql/guarded-writes.ts'
import type { Statement } from '../sql/statement.ts'
import type { Catalogue } from './catalogue.ts'
import { explainRefusal } from './refusal.ts'
import { severalRowsError, staleError } from './write-errors.ts'
import type { Batch } from './writing.ts'

/** Reads the result of a statement of a flush. */
export class BatchReader implements Reader {
  readonly statement: Statement
  readonly #batch: Batch
  readonly #isGuarded: boolean
  readonly #catalogue: Catalogue
  #rows: Row[] = []
  #rowCount = 0
  #typeIds: readonly number[] = []
  /** Called where the batch needs the types of its result. */
  readonly described?: (typeIds: readonly number[]) => void
  /** The statement on its way. */
  sent: Pick<Sent, 'parserOf'> | undefined

  constructor(batch: Batch, statement: Statement, isGuarded: boolean, catalogue: Catalogue) {
    // Not written where it is assigned, see `Lease`.
    const described = (typeIds: readonly number[]): void => void (this.#typeIds = typeIds)
    if (batch.isDescribed === true) this.described = described
    this.#batch = batch
    this.statement = statement
    this.#isGuarded = isGuarded
    this.#catalogue = catalogue
  }

  begin(): void {
    this.#rows = []
  }

  row(row: Row): void {
    this.#rows.push(row)
  }

  completed(rowCount: number): void {
    this.#rowCount = rowCount
  }

  /** The statement was refused: says which entity it was, and whether its row is gone. */
  refused(error: unknown, cause: unknown): unknown {
    const { verb, table } = this.#batch
    const found = guardFailure(cause)
    if (found !== undefined && (verb === 'UPDATE' || verb === 'DELETE')) {
      return found.isDoubled
        ? severalRowsError(verb, table)
        : staleError(verb, table, found.missing)
    }
    explainRefusal(error, this.#batch, this.#catalogue.factsOf)
    if (isOutdated(error))
      for (const part of this.#batch.parts ?? [this.#batch]) this.#catalogue.forget(part.table)
    return error
  }

  absorb(): void {
    this.#batch.absorb({
      rows: this.#rows,
      rowCount: this.#rowCount,
      isGuarded: this.#isGuarded,
      parse: (column, text) => {
        const typeId = this.#typeIds[column]
        return typeId === undefined ? text : this.sent?.parserOf(typeId)(text)
      },
    })
  }
}

/** All of them were executed, so each entity has to know, whatever is wrong with one of them. */
export function absorbAll(results: readonly { absorb(): void }[]): void {
  let failed: { readonly error: unknown } | undefined
  for (const result of results) {
    try {
      result.absorb()
    } catch (error) {
      failed ??= { error }
    }
  }
  if (failed !== undefined) throw failed.error
}

/** Whether a statement failed because the columns of the table, or their types, have changed. */
function isOutdated(error: unknown): boolean {
  const { sqlState } = error as DataBridgeError
  return sqlState?.startsWith('42') === true || sqlState === '0A000'
}
