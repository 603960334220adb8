import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { arrayLiteral } from '../sql/array-literal.ts'
import { and } from '../sql/conditions.ts'
import { quote } from '../sql/identifier.ts'
import type { Condition } from '../sql/node.ts'
import { columnRef } from '../sql/refs.ts'
import { rootAlias, selectRows } from '../sql/select.ts'
import type { Statement } from '../sql/statement.ts'

/** The rows with these texts in these columns, in the order of their keys where there may be several. */
export function selectBy(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  texts: readonly string[],
): Statement {
  const conditions = columns.map((column, index): Condition => {
    const ref = columnRef(table, column.property, rootAlias)
    return {
      shape: `${ref.shape}=`,
      parameters: [texts[index] as string],
      width: 1,
      write: (writer) => writer.node(ref).append(' = ').parameter(),
    }
  })
  return select(table, columns, and(...conditions))
}

/** The same for many keys in one statement, whose text does not depend on how many there are. */
export function selectByAny(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  keys: readonly (readonly string[])[],
): Statement {
  const refs = columns.map((column) => columnRef(table, column.property, rootAlias))
  const parameters = columns.map((_, index) =>
    arrayLiteral(keys.map((key) => key[index] as string)),
  )
  return select(table, columns, {
    shape: `any(${refs.map(({ shape }) => shape).join()})`,
    parameters,
    width: 1,
    write: (writer) => {
      const [only] = refs
      if (refs.length === 1 && only !== undefined) {
        writer.node(only).append(' = any(').parameter().append(')')
        return
      }
      writer.append('(').list(refs, ', ').append(') in (select * from unnest(')
      columns.forEach(({ type }, index) => {
        writer
          .append(index === 0 ? '' : ', ')
          .parameter()
          .append(`::${type.arrayCast}`)
      })
      writer.append(`) as ${quote('given')})`)
    },
  })
}

function select(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  condition: Condition,
): Statement {
  const isOne = table.isUnique(columns)
  const orders = isOne
    ? []
    : table.primaryKey.map(({ property }) => columnRef(table, property, rootAlias).asc())
  return selectRows({ table, conditions: [condition], orders, limit: undefined, offset: undefined })
}
