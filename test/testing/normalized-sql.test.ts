import { describe, expect, it } from 'vitest'
import { normalized, reads, tablesIn, verbOf } from '../../plugin/testing/normalized-sql.ts'

describe('a normalized statement', () => {
  it.each([
    [`select 'it''s', 1.5e3, E'a\\'b' from "t 1"`, `select ?, ?, ? from "t 1"`],
    [`select $$a 'b' -- c$$, $tag$x $$ y$tag$, $1`, 'select ?, ?, $1'],
    ['select a1, t.x2 -- 5\n  from t /* 7 */ where x = 8', 'select a1, t.x2 from t where x = ?'],
    [`select "it's 5" from t`, `select "it's 5" from t`],
    [`select '-- no comment', "/* name */"`, `select ?, "/* name */"`],
    ['select * from t where id in ($1, $2, $3)', 'select * from t where id in (…)'],
    ['select * from t where id in (1,2)', 'select * from t where id in (…)'],
    ['insert into t (a, b) values ($1, $2), ($3, $4)', 'insert into t (a, b) values ($1, $2), …'],
    ['insert into t (a) values ($1)', 'insert into t (a) values ($1)'],
    [`select data ? 'key', data ?| $1, x::text[1]`, 'select data ? ?, data ?| $1, x::text[?]'],
  ])('%s', (sql, expected) => {
    expect(normalized(sql)).toBe(expected)
  })
})

describe('the tables of a statement', () => {
  it.each([
    ['select * from posts p join "my users" u on true', ['posts', 'my users']],
    ['select * from app.posts, x', ['app.posts']],
    ['with recent as (select * from posts) select * from recent', ['posts']],
    ['with a (x) as materialized (select 1), b as (select 2) select * from a, b', []],
    ['insert into posts (a) values ($1) on conflict (a) do update set a = $1', ['posts']],
    ['update only posts set a = $1', ['posts']],
    ['delete from posts using users', ['posts']],
    ['select * from posts for update of posts', ['posts']],
    ['select * from unnest($1) join lateral (select 1) x on true', []],
    ['select * from generate_series(1, 2)', []],
    ['copy posts (a) from stdin', ['posts', 'stdin'].slice(0, 1)],
    ['select extract(year from created_at) from posts', ['posts']],
  ])('%s', (sql, expected) => {
    expect(tablesIn(sql)).toEqual(expected)
  })
})

describe('the verb of a statement', () => {
  it.each([
    ['select 1', 'SELECT', 'select', true],
    ['insert into posts', 'INSERT posts', 'insert', false],
    ['with a as (select 1) select * from a for update', 'WITH', 'select', true],
    ['with a as (delete from b returning *) select * from a', 'WITH', 'delete', false],
    ['with "update" as (select 1) select 1', 'WITH', 'select', true],
    ['truncate posts', 'TRUNCATE', 'truncate', false],
  ])('%s', (sql, summary, verb, isRead) => {
    expect(verbOf(sql, summary)).toBe(verb)
    expect(reads(verb)).toBe(isRead)
  })
})
