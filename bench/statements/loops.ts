import { and, integer, type Refs, table, text } from '../../orm/index.ts'
import { tableOf } from '../../orm/schema/table-of.ts'
import { conditionsOf, ordersOf } from '../../orm/sql/callbacks.ts'
import { declaredDefaults } from '../../orm/sql/defaults.ts'
import { rowsWhere, Select, selectStatement } from '../../orm/sql/select.ts'
import { rootSource } from '../../orm/sql/source.ts'
import type { Statement } from '../../orm/sql/statement.ts'

class Person extends table('people', {
  id: integer().primaryKey(),
  name: text(),
  age: integer(),
}) {}

const source = rootSource(tableOf(Person))

/** Builds a statement with a filter, an order and a limit: from callbacks to text and parameters. */
export function select(age: number): Pick<Statement, 'text' | 'parameters'> {
  const [where] = conditionsOf(
    source,
    (person: Refs<Person>) => and(person.age.gt(age), person.name.eq('Ann')),
    'filter()',
  )
  const orders = ordersOf(source, (person: Refs<Person>) => person.id.asc(), 'orderBy()')
  const parts = rowsWhere(source, declaredDefaults, where, orders)
  return selectStatement(new Select({ ...parts, limit: 10 }))
}

/** Builds the same statement by joining pieces of text. */
export function byHand(age: number): Pick<Statement, 'text' | 'parameters'> {
  const parameters: string[] = []
  const bind = (value: unknown): string => `$${parameters.push(String(value))}`
  const columns = ['id', 'name', 'age'].map((name) => `"t0"."${name}"`).join(', ')
  const where = [`"t0"."age" > ${bind(age)}`, `"t0"."name" = ${bind('Ann')}`]
  const text =
    `select ${columns} from "people" as "t0" where (${where.join(' and ')}) ` +
    `order by "t0"."id" asc limit ${bind(10)}`
  return { text, parameters }
}
