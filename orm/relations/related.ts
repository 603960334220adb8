import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { arrayLiteral } from '../sql/array-literal.ts'
import { Compare, OneOf, Param } from '../sql/comparisons.ts'
import { and } from '../sql/logic.ts'
import { type Condition, type Sink, type SqlNode, writeList } from '../sql/node.ts'
import { columnRef } from '../sql/refs.ts'
import { byKey, rowsWhere, Select, selectStatement } from '../sql/select.ts'
import { rootSource, type Source } from '../sql/source.ts'
import type { Statement } from '../sql/statement.ts'

/** The rows with these texts in these columns, in the order of their keys where there may be several. */
export function selectBy(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  texts: readonly string[],
): Statement {
  const source = rootSource(table)
  const conditions = columns.map(
    ({ property }, index) =>
      new Compare(columnRef(source, property), '=', new Param(texts[index] as string)),
  )
  return select(source, columns, and(...conditions))
}

/** The same for many keys in one statement, whose text does not depend on how many there are. */
export function selectByAny(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  keys: readonly (readonly string[])[],
): Statement {
  const source = rootSource(table)
  const [only] = columns
  const condition =
    columns.length === 1 && only !== undefined
      ? new OneOf(
          columnRef(source, only.property),
          keys.map((key) => key[0] as string),
          false,
        )
      : new AnyKey(source, columns, keys)
  return select(source, columns, condition)
}

function select(
  source: Source,
  columns: readonly ColumnMetadata[],
  condition: Condition,
): Statement {
  const orders = source.table.isUnique(columns) ? [] : byKey(source)
  return selectStatement(new Select(rowsWhere(source, condition, orders)))
}

/** Several columns are one of the keys: `("a", "b") in (select * from unnest(…))`. */
class AnyKey implements Condition {
  readonly conjunctCount = 1
  readonly depth = 0
  readonly shape: string
  readonly #columns: readonly ColumnMetadata[]
  readonly #refs: readonly SqlNode[]
  readonly #keys: readonly (readonly string[])[]

  constructor(
    source: Source,
    columns: readonly ColumnMetadata[],
    keys: readonly (readonly string[])[],
  ) {
    this.#columns = columns
    this.#refs = columns.map(({ property }) => columnRef(source, property))
    this.#keys = keys
    this.shape = `any(${this.#refs.map(({ shape }) => shape).join(',')})`
  }

  write(sink: Sink): void {
    sink.text('(')
    writeList(sink, this.#refs, ', ')
    sink.text(') in (select ')
    sink.text(this.#columns.map(({ type }, index) => `k${index}${type.itemCast}`).join(', '))
    sink.text(' from unnest(')
    this.#columns.forEach(({ type }, index) => {
      if (index > 0) sink.text(', ')
      sink.parameter(arrayLiteral(this.#keys.map((key) => key[index] as string)))
      sink.text(`::${type.arrayCast}`)
    })
    sink.text(`) as given (${this.#columns.map((_, index) => `k${index}`).join(', ')}))`)
  }
}
