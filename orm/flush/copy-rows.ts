import type { CopySource } from '../driver/copy-in.ts'
import { writesOf } from '../entity/compiled-writes.ts'
import type { Entity } from '../entity/entity.ts'
import { setValue, valueOf } from '../entity/property.ts'
import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { encodeColumn } from '../schema/values.ts'
import { copyLine } from '../sql/copy-text.ts'
import type { TableFacts } from '../sql/table-facts.ts'
import { attempt } from '../util/attempt.ts'
import { copyRowError } from './copy-errors.ts'
import { completeNew } from './flush.ts'
import { fillForeignKeys } from './insert.ts'

type Next = IteratorResult<unknown>

/** How much is written to the socket at once, in characters. */
const chunkSize = 64 * 1024

/** The rows of a COPY. One is read after the other, while the server takes them. */
export class CopyRows implements CopySource {
  readonly #table: TableMetadata
  readonly #rows: Iterator<unknown> | AsyncIterator<unknown>
  readonly #isAsync: boolean
  #first: Next | undefined
  #facts: TableFacts | undefined
  #columns: readonly ColumnMetadata[] = []
  /** Whether a column, by its position, is one of them. */
  readonly #isSent: boolean[] = []
  #number = 0
  /** Whether the iterator has told that there are no more, or has thrown. */
  #isDone = false

  /** Throws if they are nothing to iterate over. */
  constructor(table: TableMetadata, rows: unknown) {
    const source = (rows ?? {}) as Partial<AsyncIterable<unknown> & Iterable<unknown>>
    const iterator = source[Symbol.asyncIterator]?.() ?? source[Symbol.iterator]?.()
    if (iterator === undefined || typeof rows === 'string')
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_QUERY',
        `copy(${table.entityName}) expected an array of rows or another iterable, got ${describe(rows)}`,
      )
    this.#table = table
    this.#rows = iterator
    this.#isAsync = source[Symbol.asyncIterator] !== undefined
  }

  /** Reads the first row; false if there is none. */
  async begin(): Promise<boolean> {
    this.#first = await this.#read()
    return this.#first.done !== true
  }

  /** The columns that the first row gives. All others give values for the same. */
  columns(facts: TableFacts): readonly ColumnMetadata[] {
    this.#facts = facts
    const row = this.#inRow(1, () => this.#complete(this.#first?.value))
    this.#columns = this.#table.columns.filter((column) => this.#isGiven(row, column))
    for (const { position } of this.#columns) this.#isSent[position] = true
    return this.#columns
  }

  async next(): Promise<Uint8Array | undefined> {
    let text = ''
    while (text.length < chunkSize) {
      const next = this.#first ?? this.#read()
      this.#first = undefined
      // Rows of an array need no promise.
      const { done, value } = this.#isAsync ? await next : (next as Next)
      if (done === true) break
      this.#number += 1
      text += this.#inRow(this.#number, () => this.#line(value))
    }
    return text === '' ? undefined : Buffer.from(text)
  }

  /** Nobody reads on. What the iterator does about it is not awaited: it may wait for something that never comes. */
  end(): void {
    if (this.#isDone) return
    this.#isDone = true
    // As after a break in `for await`, whose error would be the one that counts.
    void attempt(async () => this.#rows.return?.()).catch(() => undefined)
  }

  #read(): Next | Promise<Next> {
    const told = (next: Next): Next => {
      this.#isDone ||= next.done === true
      return next
    }
    const threw = (error: unknown): never => {
      this.#isDone = true
      throw error
    }
    try {
      const next = this.#rows.next()
      return this.#isAsync ? Promise.resolve(next).then(told, threw) : told(next as Next)
    } catch (error) {
      return threw(error)
    }
  }

  #inRow<T>(number: number, work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw copyRowError(error, this.#table, number)
    }
  }

  #line(values: unknown): string {
    const row = this.#complete(values)
    for (const column of this.#table.columns) {
      const isExpected = this.#isSent[column.position] === true
      if (this.#isGiven(row, column) !== isExpected) throw otherColumnsError(column, isExpected)
    }
    return copyLine(this.#columns.map((column) => encodeColumn(column, valueOf(row, column))))
  }

  /** The values of a row, with those that the program does not give. No entity, unless something about it is unusual. */
  #complete(values: unknown): object {
    const table = this.#table
    const row = {}
    const writes = writesOf(table)
    if (typeof values === 'object' && values !== null && writes.make(row, values)) {
      for (const column of table.columns)
        if (column.onUpdate !== undefined && valueOf(row, column) === undefined)
          setValue(row, column, column.onUpdate())
      if (writes.isComplete(row)) return row
    }
    const entity = new (table.entity as unknown as new (values: unknown) => Entity)(values)
    fillForeignKeys(entity)
    completeNew(entity)
    return entity
  }

  #isGiven(row: object, column: ColumnMetadata): boolean {
    const value = valueOf(row, column)
    if (value === undefined) return false
    return value !== null || this.#facts?.isGenerated(column) !== true
  }
}

function otherColumnsError(column: ColumnMetadata, isMissing: boolean): DataBridgeError {
  const got = isMissing ? 'none' : 'one'
  const expected = isMissing ? 'a value' : 'no value'
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `expected ${expected} for ${column.property}, as in the first row, got ${got}: ` +
      'a column with a default of the database is given in every row or in none',
  )
}
