import { expect, it } from 'vitest'
import { transactionControls } from '../../../orm/sql/transaction-control.ts'

const ends = (words: string) => [{ kind: 'end', words }]

it.each([
  ['commit', ends('COMMIT')],
  ['  -- note\n /* a /* nested */ comment */ Commit Work', ends('COMMIT')],
  ['commit and chain', ends('COMMIT')],
  ['end', ends('END')],
  ['ABORT TRANSACTION', ends('ABORT')],
  ['rollback', ends('ROLLBACK')],
  ['rollback and chain', ends('ROLLBACK')],
  ['rollback transaction and no chain', ends('ROLLBACK')],
  ["prepare transaction 'x'", ends('PREPARE TRANSACTION')],
  ["rollback prepared 'x'", ends('ROLLBACK')],
  ['select 1; rollback; begin', ends('ROLLBACK')],
  [`select ';', E'\\';', "a;b", $$;$$, $x$ $$; $x$; commit`, ends('COMMIT')],
  ["select 'it''s' ; commit", ends('COMMIT')],
  ["select E'\\'' ; commit", ends('COMMIT')],
  [
    'create function f() returns int begin atomic select case when true then 1 end; end; commit',
    ends('COMMIT'),
  ],
  ['savepoint A', [{ kind: 'savepoint', name: 'a' }]],
  ['savepoint "A ""b"""', [{ kind: 'savepoint', name: 'A "b"' }]],
  ['rollback to a', [{ kind: 'rollback to', name: 'a' }]],
  ['rollback work to savepoint "A"', [{ kind: 'rollback to', name: 'A' }]],
  ['rollback to savepoint savepoint', [{ kind: 'rollback to', name: 'savepoint' }]],
])('finds in %j what concerns the transaction', (text, expected) => {
  expect(transactionControls(text)).toEqual(expected)
})

it.each([
  'select 1',
  '',
  "select 'commit; rollback'",
  "select E'\\'; commit; '",
  'select "commit" from t',
  'select $$; commit; $$',
  'select $a$; commit; $a$, $1, $2',
  'do $$ begin commit; end $$',
  '-- commit\nselect 1',
  '/* ; commit; */ select 1',
  'select case when a then 1 end from t',
  'create function f() returns int begin atomic select 1; select case when true then 2 end; end',
  'prepare q as select 1',
  'release savepoint a',
  'begin',
  'select rollback from commits',
  "select 'an unfinished ; commit",
])('finds nothing in %j', (text) => {
  expect(transactionControls(text)).toEqual([])
})
