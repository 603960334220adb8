import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { DataBridgeError, errorCodes, integer, table } from '../../orm/index.ts'
import { Column } from '../../orm/schema/column.ts'
import { ComparableNode } from '../../orm/sql/comparable.ts'
import { OperandNode } from '../../orm/sql/operand.ts'
import { codesIn, tableBelow } from './markdown-table.ts'

const text = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const readme = text('README.md')
const tables = text('docs/tables.md')

it('the table of statuses in README.md has every code, by name or as one of all others', () => {
  const rows = tableBelow(readme, '## Handle errors')
  const named = rows.flatMap(([status, codes = '']) =>
    codesIn(codes).map((code) => [`DATA_BRIDGE_ERR_${code}`, Number(status)] as const),
  )
  const isOther = rows.some(([status, codes]) => status === '500' && codes === 'all others')
  const known = errorCodes
    .map((code) => [code, new DataBridgeError(code, '').statusCode] as const)
    .filter(([code, status]) => !isOther || status !== 500 || named.some(([name]) => name === code))
  expect(Object.fromEntries(named)).toEqual(Object.fromEntries(known))
})

it('docs/tables.md names every method of a column', () => {
  const methods = Object.getOwnPropertyNames(Column.prototype).filter(
    (one) => one !== 'constructor',
  )
  expect(methods).toContain('nullable')
  expect(methods.filter((one) => !tables.includes(`\`${one}(`))).toEqual([])
})

it('docs/filters.md names every operator', () => {
  const methods = [ComparableNode.prototype, OperandNode.prototype].flatMap((prototype) =>
    Object.getOwnPropertyNames(prototype),
  )
  // For the library itself.
  const internal = ['constructor', 'encode', 'encodeAs', 'compare', 'error', 'requireValue']
  const operators = methods.filter((one) => !internal.includes(one))
  expect(operators).toContain('matchesPath')
  const rows = tableBelow(text('docs/filters.md'), '## All operators').join('\n')
  expect(operators.filter((one) => !rows.includes(`\`${one}(`))).toEqual([])
})

it('README.md and docs/tables.md name every option of a table', () => {
  const refused = (): unknown => table('t', { id: integer().primaryKey() }, { none: 1 } as object)
  const [, list = ''] = /it has (.+)$/.exec(messageOf(refused)) ?? []
  const options = list.split(/, | and /)
  expect(options).toContain('unique')
  const [, inReadme = ''] = readme.split('Options of a table:')
  expect(options.filter((one) => !inReadme.split('.')[0]?.includes(`\`${one}\``))).toEqual([])
  expect(options.filter((one) => !new RegExp(`\`${one}\`|\\b${one}: `).test(tables))).toEqual([])
})

function messageOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    return (error as Error).message
  }
  return ''
}
