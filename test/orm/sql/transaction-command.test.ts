import { describe, expect, it } from 'vitest'
import { transactionCommand } from '../../../orm/sql/transaction-command.ts'

describe('transactionCommand()', () => {
  it.each([
    ['begin', {}],
    [' BEGIN WORK ; ', {}],
    ['start transaction', {}],
    ['begin isolation level read uncommitted', { isolation: 'read committed' }],
    ['START TRANSACTION ISOLATION LEVEL Repeatable\n Read', { isolation: 'repeatable read' }],
    ['begin transaction read only, deferrable', { readOnly: true, deferrable: true }],
    [
      'begin read write not deferrable isolation level serializable',
      { readOnly: false, deferrable: false, isolation: 'serializable' },
    ],
  ])('reads %s', (text, mode) => {
    expect(transactionCommand(text)).toEqual({ kind: 'begin', mode })
  })

  it.each([
    ['commit', 'commit'],
    ['END TRANSACTION;', 'commit'],
    ['rollback work', 'rollback'],
    ['Abort and no chain', 'rollback'],
  ])('reads %s', (text, kind) => {
    expect(transactionCommand(text)).toEqual({ kind })
  })

  it.each([
    ['savepoint One', 'savepoint', 'one'],
    ['release savepoint sp1', 'release', 'sp1'],
    ['release sp1', 'release', 'sp1'],
    ['rollback to "a b"', 'rollback to', '"a b"'],
    ['ROLLBACK TRANSACTION TO SAVEPOINT sp1;', 'rollback to', 'sp1'],
  ])('reads %s', (text, kind, name) => {
    expect(transactionCommand(text)).toEqual({ kind, name })
  })

  it('reads SET TRANSACTION', () => {
    expect(transactionCommand('set transaction read only')).toEqual({
      kind: 'set',
      mode: { readOnly: true },
    })
  })

  it.each([
    'select 1',
    'begin; select 1',
    'begin; commit',
    'commit and chain',
    'commit prepared $$x$$',
    'rollback; begin',
    'set transaction snapshot $$x$$',
    'set transaction',
    'set local role x',
    'savepoint a; savepoint b',
    'begin isolation level chaos',
    'release',
    'start_of_day()',
    '/* begin */ select 1',
  ])('leaves %s alone', (text) => {
    expect(transactionCommand(text)).toBeUndefined()
  })
})
