import { expect, it } from 'vitest'
import { snakeCase } from '../../../orm/schema/naming.ts'

it.each([
  ['id', 'id'],
  ['authorId', 'author_id'],
  ['createdAt', 'created_at'],
  ['htmlURL', 'html_url'],
  ['HTMLPage', 'html_page'],
  ['line2Text', 'line2_text'],
  ['already_snake', 'already_snake'],
])('names the column of %s %s', (property, column) => {
  expect(snakeCase(property)).toBe(column)
})
