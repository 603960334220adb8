import { describe, expect, it } from 'vitest'
import { isSeveral, locksOf, shapeOf } from '../../../plugin/testing/contract/sql-text.ts'

describe('shapeOf', () => {
  it.each([
    ['select "t0"."id" from "posts" as "t0"', 'select t0.id from posts as t0'],
    ['select "Id", "a b" from "Posts"', 'select "Id", "a b" from "Posts"'],
    [`select 'it''s -- no comment', 12, 1.5e3, $1`, 'select ?, ?, ?, $1'],
    [`select e'it\\'s', b'01', $$a 'b'$$, $x$ $$ $x$`, 'select ?, ?, ?, ?'],
    ['select a1, b2 from t3', 'select a1, b2 from t3'],
    ['select 1 -- why\n  , /* 2 */ "a--b"', 'select ? , "a--b"'],
    ['select 1 where id in ($1, $2,$3)', 'select ? where id in ($…)'],
    ['select 1 where id in ($1)', 'select ? where id in ($…)'],
    ['insert into t values ($1, $2), ($3, $4)', 'insert into t values ($1, $2), …'],
  ])('%s', (text, shape) => {
    expect(shapeOf(text)).toBe(shape)
  })

  it('keeps no value', () => {
    expect(shapeOf(`select * from users where email = 'ann@example.com' and age > 41`)).not.toMatch(
      /ann|41/,
    )
  })
})

describe('isSeveral', () => {
  it.each([
    ['select 1; drop table posts', true],
    ['select 1;', false],
    ['select 1 ; -- the end', false],
    [`select ';' as ";", $$;$$`, false],
  ])('%s: %s', (text, several) => {
    expect(isSeveral(text)).toBe(several)
  })
})

describe('locksOf', () => {
  it.each([
    ['select * from posts for update', ['for update']],
    ['select * from posts FOR NO KEY\n UPDATE skip locked', ['for no key update']],
    ['select * from posts for share', ['for share']],
    [`select 'for update' as "for share"`, []],
    ['update posts set likes = 1', []],
  ])('%s', (text, locks) => {
    expect(locksOf(text)).toEqual(locks)
  })
})
