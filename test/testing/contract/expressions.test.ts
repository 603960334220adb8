import { describe, expect, it } from 'vitest'
import { columnsIn, sortColumn } from '../../../plugin/testing/contract/expressions.ts'

describe('columnsIn', () => {
  it.each([
    ['(t0.id = $1)', ['id']],
    ['((t0.name)::text = $1)', ['name']],
    ['((t0.a = $1) AND (t0.b > t1.c))', ['a', 'b']],
    ['(lower((t0.email)::text) = $1)', ['email']],
    [`(t0.name = 't0.other'::text)`, ['name']],
    ['(t0."First Name" = $1)', ['First Name']],
    ['((t0.a = $1) OR (t0.a = $2))', ['a']],
    ['((t0.title = $1) AND (ANY (t0.id = (hashed SubPlan 2).col1)))', ['title']],
    ['(hashed SubPlan 1)', []],
    ['(t1.id = $1)', []],
    ['(t0.id = (InitPlan 1).col1)', ['id']],
  ])('%s: %j', (condition, columns) => {
    expect(columnsIn(condition, 't0')).toEqual(columns)
  })

  it('knows a table by a quoted alias', () => {
    expect(columnsIn('("My T".id = $1)', 'My T')).toEqual(['id'])
  })
})

describe('sortColumn', () => {
  it.each([
    ['t0.id', ['t0', 'id']],
    ['t0.likes DESC NULLS LAST', ['t0', 'likes DESC NULLS LAST']],
    ['t0."First Name"', ['t0', 'First Name']],
    ['(lower(t0.name))', undefined],
    ['(count(*)) DESC', undefined],
  ])('%s: %j', (key, column) => {
    expect(sortColumn(key)).toEqual(column)
  })
})
