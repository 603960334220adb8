import { expect, it } from 'vitest'
import { type Column, integer, table } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { columnsOf, samePoints, type TypeName, typeNames, types } from './every-type.ts'
import { hostile } from './hostile-values.ts'

expect.addEqualityTesters([samePoints])

/** The type checker knows none of the columns: they are made of all types in turn. */
function defaultsOf(row: number) {
  const columns = Object.fromEntries(
    typeNames.map((name) => {
      const column = types[name] as Column<unknown>
      return [name, column.default(valueOf(name, row) as never)]
    }),
  )
  return class extends table(`defaults_${row}`, {
    id: integer().primaryKey().generated(),
    ...columns,
  }) {}
}

function valueOf(name: TypeName, row: number): unknown {
  const values: readonly unknown[] = hostile[name]
  return values[row % values.length]
}

const rows = Array.from({ length: 17 }, (_, row) => row)
const classes = rows.map(defaultsOf)
const { database, query } = await testDatabase(classes)

it.each(rows)(
  'defaults of every type are the same in a class and in its table, %d',
  async (row) => {
    const Defaults = classes[row] as ReturnType<typeof defaultsOf>
    const expected = Object.fromEntries(typeNames.map((name) => [name, valueOf(name, row)]))
    const [one, other] = [new Defaults({}), new Defaults({})]
    for (const name of typeNames) {
      const [mine, theirs] = [columnsOf(one)[name], columnsOf(other)[name]]
      expect(typeof mine === 'object' && mine === theirs).toBe(false)
    }
    expect(columnsOf(one)).toEqual({ id: undefined, ...expected })
    await database.run((session) => session.add([one, other]))
    await query(`insert into defaults_${row} default values`)
    await using session = database.session()
    const read = await session.find(Defaults).toList()
    expect(read.map((entity) => columnsOf(entity))).toEqual(
      [1, 2, 3].map((id) => ({ id, ...expected })),
    )
  },
)
