import { expect, it } from 'vitest'
import { mayWrite, rawStatement } from '../../../orm/sql/raw-statement.ts'
import { type Sql, sql } from '../../../orm/sql/template.ts'

const of = (text: string): Sql => sql(Object.assign([text], { raw: [text] }))

it.each([
  ['select 1', 'SELECT', false],
  ['\n  ((select 1) union (select 2))', 'SELECT', false],
  ['-- insert nothing\nselect 1', 'SELECT', false],
  ["/* traceparent='00-ab' */ select 1", 'SELECT', false],
  ['select id from posts for update', 'SELECT', false],
  ['select updated_at from posts', 'SELECT', false],
  ['with read as (select 1) table read', 'WITH', false],
  ['-- select\n/* a /* nested */ select */ insert into posts default values', 'INSERT', true],
  ['with gone as (delete from posts returning id) select id from gone', 'WITH', true],
  ['select 1; update posts set likes = 0', 'SELECT', true],
  ['call publish()', 'CALL', true],
  ['/* never closed', 'SQL', true],
  ['', 'SQL', true],
])('%j is summed up as %s; that it may write is %s', (text, summary, writes) => {
  const statement = rawStatement(of(text))
  expect(statement.summary).toBe(summary)
  expect(mayWrite(statement)).toBe(writes)
})
