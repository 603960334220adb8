import { DataBridgeError, describe, type ErrorCode } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { listed } from '../util/messages.ts'
import { ColumnNode } from './column.ts'
import { literal } from './identifier.ts'
import { isCondition, type Parameter, type Sink, type SqlNode } from './node.ts'
import { type Source, tableSource } from './source.ts'
import { standIn } from './stand-in.ts'

/** What a condition on the columns of one table consists of. */
type Piece = string | { readonly column: string } | { readonly value: Parameter }

/** What takes the pieces of a condition. */
export type PieceSink = Pick<Sink, 'text' | 'parameter' | 'reads'>

/** A condition on the columns of one table, apart from any query: it can be written of each source of the table. */
export class TableCondition {
  /** Tells its text, whatever its values are. */
  readonly shape: string
  /** Whether it has your own SQL in it, which may read any table. */
  readonly readsAny: boolean
  readonly #pieces: readonly Piece[]

  constructor(pieces: readonly Piece[], readsAny: boolean) {
    this.#pieces = pieces
    this.readsAny = readsAny
    this.shape = JSON.stringify(
      pieces.map((piece) => (typeof piece === 'object' && 'value' in piece ? 0 : piece)),
    )
  }

  /** @param column writes a column of the source */
  write(to: PieceSink, column: (name: string) => void): void {
    if (this.readsAny) to.reads('any')
    for (const piece of this.#pieces) {
      if (typeof piece === 'string') to.text(piece)
      else if ('column' in piece) column(piece.column)
      else to.parameter(piece.value)
    }
  }

  /** Both hold. */
  and(other: TableCondition): TableCondition {
    const pieces = [...this.#pieces, ' and ', ...other.#pieces]
    return new TableCondition(pieces, this.readsAny || other.readsAny)
  }

  /** The same with its values in the text: DDL takes no parameters, and PostgreSQL compares texts with partial indexes. */
  get inlined(): TableCondition {
    const pieces = this.#pieces.map((piece) =>
      typeof piece === 'object' && 'value' in piece ? inline(piece.value) : piece,
    )
    return new TableCondition(pieces, this.readsAny)
  }
}

/**
 * The condition that a callback gives of the columns of a table. A relation is an error.
 *
 * @param where what messages call it
 * @param code of these errors
 */
export function tableCondition(
  table: TableMetadata,
  build: (row: never) => unknown,
  where: string,
  code: ErrorCode = 'DATA_BRIDGE_ERR_SCHEMA',
): TableCondition {
  const source = tableSource(table)
  const refuse = (got: string): DataBridgeError =>
    new DataBridgeError(
      code,
      `${where} expected a condition on the columns of ${table.entityName}, got ${got}`,
    )
  const condition = build(columnsOnly(source, where, code) as never)
  if (!isCondition(condition)) throw refuse(describe(condition))
  const recorder = new Recorder(source, () => refuse('one with a relation or a query'))
  const isRaw = condition.isRaw === true
  if (isRaw) recorder.text('(')
  ;(condition as SqlNode).write(recorder)
  if (isRaw) recorder.text(')')
  return new TableCondition(recorder.pieces, recorder.readsAny)
}

/** The columns of a source, without its relations: entities may refer to each other, and this is asked early. */
function columnsOnly(source: Source, where: string, code: ErrorCode): object {
  const { columnOf, entityName } = source.table
  const columns = new Map<string, ColumnNode>()
  for (const column of source.table.columns)
    columns.set(column.property, new ColumnNode(source, column))
  const refs = new Proxy(Object.freeze({}), {
    get(_, property) {
      if (typeof property === 'symbol' || property === 'then' || property === 'toJSON')
        return undefined
      const column = columns.get(property)
      if (column !== undefined) return column
      throw new DataBridgeError(
        code,
        `${where} expected columns of ${entityName}, which are ${listed([...columnOf.keys()])}, got ${property}`,
      )
    },
  })
  return standIn(refs, `a row of ${entityName} in a callback`)
}

class Recorder implements Sink {
  readonly pieces: Piece[] = []
  readsAny = false
  readonly #source: Source
  readonly #refuse: () => DataBridgeError

  constructor(source: Source, refuse: () => DataBridgeError) {
    this.#source = source
    this.#refuse = refuse
  }

  text(sql: string): void {
    const last = this.pieces.at(-1)
    if (typeof last === 'string') this.pieces[this.pieces.length - 1] = last + sql
    else this.pieces.push(sql)
  }

  parameter(value: Parameter): void {
    this.pieces.push({ value })
  }

  column(source: Source, name: string): void {
    if (source !== this.#source) throw this.#refuse()
    this.pieces.push({ column: name })
  }

  reads(table: TableMetadata | 'any'): void {
    if (table === 'any') this.readsAny = true
  }

  scope(): never {
    throw this.#refuse()
  }

  joined(): never {
    throw this.#refuse()
  }

  requires(): never {
    throw this.#refuse()
  }

  named(): never {
    throw this.#refuse()
  }

  defaultsFor(): never {
    throw this.#refuse()
  }
}

function inline(value: Parameter): string {
  if (value === null) return 'null'
  return typeof value === 'string' ? literal(value) : `'\\x${Buffer.from(value).toString('hex')}'`
}
