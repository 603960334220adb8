import { expect, it } from 'vitest'
import { columnsInDetail, hasValues } from '../../../orm/driver/violations.ts'

it.each([
  ['Key (email)=(a@example.com) already exists.', ['email'], ['a@example.com']],
  ['Schlüssel »(email)=(a)« existiert bereits.', ['email'], ['a']],
  ['La clé « (a, b)=(1, 2) » existe déjà.', ['a', 'b'], ['1', '2']],
  ['键值"(a)=(x, y)" 已经存在', ['a'], ['x, y']],
  ['Key ("E mail", "say ""x""")=(1, 2) already exists.', ['E mail', 'say "x"'], ['1', '2']],
  ['Key (author_id)=(9) is not present in table "users".', ['author_id'], ['9']],
])('reads %j', (detail, columns, values) => {
  expect(columnsInDetail(detail)).toEqual(columns)
  expect(hasValues(detail, values)).toBe(true)
})

it.each([
  ['an expression', 'Key (lower(email))=(x) already exists.'],
  ['no detail', undefined],
  ['another sentence', 'Failing row contains (1, null).'],
])('takes nothing out of %s for a column', (_, detail) => {
  expect(columnsInDetail(detail)).toBeUndefined()
})

it.each([
  ['a longer value', 'Key (a)=(x) and (y) already exists.', ['x']],
  ['another value', 'Key (a)=(xy) already exists.', ['x']],
  ['a part of the key', 'Key (a, b)=(1, 2) already exists.', ['1']],
  ['no detail', undefined, ['x']],
])('does not take %s for the one that was sent', (_, detail, values) => {
  expect(hasValues(detail, values)).toBe(false)
})
