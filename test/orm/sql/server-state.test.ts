import { expect, it } from 'vitest'
import { mayChangeState } from '../../../orm/sql/server-state.ts'

it.each([
  'select 1',
  'select count(*), lower(name), coalesce(max(age), 0) from users group by lower(name)',
  'select u.name from users u where u.id in (select author_id from posts) and exists (select 1)',
  'insert into users (name, email) values ($1, $2) on conflict (email) do update set name = excluded.name',
  'insert into app.users (name) select name from old_users',
  'with recent (id) as (select id from posts) select * from recent as r (id)',
  'with a (id) as (select 1), b (id) as (select 2) select * from a, b',
  'update users set price = price * (1 + $1::numeric(10, 2) / 100) where id = any($2)',
  'delete from users where created_at < now() - make_interval(days => $1)',
  "select set_config('app.tenant', $1, true)",
  "select set_config('app.tenant', $1, true), set_config('app.user', $2, TRUE)",
  'set local statement_timeout = 500',
  'set constraints all deferred',
  'set transaction isolation level serializable',
  'select pg_advisory_xact_lock($1)',
  'select pg_catalog.count(*) from users',
  'create table t (id int primary key, name varchar(20) check (length(name) > 0))',
  'create index on posts (author_id, lower(title))',
  'savepoint before_it; update users set age = 1; rollback to savepoint before_it',
  '-- set search_path\nselect 1',
])('keeps the session as it is: %s', (text) => {
  expect(mayChangeState(text)).toBe(false)
})

it.each([
  "select set_config('app.tenant', $1, false)",
  "select set_config('a', $1, true), set_config('b', $2, false)",
  'SET search_path TO app',
  'set session characteristics as transaction read only',
  'set role admin',
  'reset all',
  'select 1; set search_path to app',
  'select pg_advisory_lock(1)',
  'select pg_try_advisory_lock(1)',
  'listen changes',
  'prepare p as select 1',
  'declare c cursor with hold for select 1',
  'load $$auto_explain$$',
  'discard plans',
  'create temp table t (id int)',
  'create TEMPORARY view v as select 1',
  'select * into temp t from users',
  'create table pg_temp.t (id int)',
  "do $$ begin perform set_config('a', 'b', false); end $$",
  'call change_tenant($1)',
  'select change_tenant($1)',
  'select app.count(1)',
  "select set_config/**/('app.tenant', $1, false)",
  "select set_config /* a /* nested */ comment */ ('app.tenant', $1, false)",
  "select set_config -- a\n-- comment\n('app.tenant', $1, false)",
  'select "Change Tenant"($1)',
  'select * from users, change_tenant($1)',
  'select 1 from users u join posts p on change_tenant(u.name) is null',
  'create table t as select change_tenant($1)',
  'create table t (id int); select change_tenant($1)',
])('may change the session: %s', (text) => {
  expect(mayChangeState(text)).toBe(true)
})
