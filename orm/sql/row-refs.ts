import { DataBridgeError } from '../errors.ts'
import type { ColumnType } from '../schema/column-type.ts'
import { listed } from '../util/messages.ts'
import type { Expression, Parse, Sink } from './node.ts'
import { useRefs } from './refs.ts'
import type { Source } from './source.ts'
import { standIn } from './stand-in.ts'
import { OperandNode, typeOf } from './operand.ts'

/** A column of the rows of another query: what one of its expressions gives. */
class RowColumn extends OperandNode {
  readonly shape: string
  readonly label: string
  readonly #source: Source
  readonly #name: string
  readonly #of: Expression<unknown>

  constructor(source: Source, { name, property, expression }: NamedValue) {
    super()
    this.#source = source
    this.#name = name
    this.#of = expression
    this.label = `${source.table.entityName}.${property}`
    this.shape = `${source.shape}.${JSON.stringify(name)}`
  }

  get type(): ColumnType | undefined {
    return typeOf(this.#of)
  }

  write(sink: Sink): void {
    sink.column(this.#source, this.#name)
  }

  decode(text: string | null, parse: Parse): unknown {
    return this.#of.decode(text, parse)
  }
}

/** A value that rows of a query have: its property, the name of its column, and what it is there. */
export interface NamedValue {
  readonly property: string
  readonly name: string
  readonly expression: Expression<unknown>
}

/** The columns of the rows of another query, which callbacks see from now on. Another name is an error, not undefined. */
export function rowColumns(
  source: Source,
  values: readonly NamedValue[],
): Readonly<Record<string, Expression<unknown>>> {
  const columns = Object.create(null) as Record<string, Expression<unknown>>
  for (const value of values) columns[value.property] = new RowColumn(source, value)
  Object.freeze(columns)
  const refs = new Proxy(columns, {
    get(known, property) {
      if (typeof property === 'symbol' || property === 'toJSON') return undefined
      const column = known[property]
      if (column !== undefined || property === 'then') return column
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_QUERY',
        `the selected rows of ${source.table.entityName} have no ${property}; they have ${listed(Object.keys(known))}`,
      )
    },
  })
  useRefs(source, standIn(refs, `a row of ${source.table.entityName} in a callback`))
  return columns
}
