import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { DataBridgeError, errorCodes } from '../../orm/index.ts'
import { codesIn, tableBelow } from './markdown-table.ts'

const document = readFileSync(new URL('../../docs/orm.md', import.meta.url), 'utf8')

it('the table of errors in docs/orm.md has every code with its status, and no others', () => {
  const documented = tableBelow(document, '## Errors').flatMap(([codes = '', status]) =>
    codesIn(codes).map((code) => [`DATA_BRIDGE_ERR_${code}`, Number(status)]),
  )
  const known = errorCodes.map((code) => [code, new DataBridgeError(code, '').statusCode])
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(known))
  expect(documented).toHaveLength(known.length)
})
