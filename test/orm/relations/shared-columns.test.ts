import { beforeAll, describe, expect, it } from 'vitest'
import {
  belongsTo,
  hasMany,
  hasOne,
  integer,
  keyOf,
  manyToMany,
  selectinload,
  table,
  text,
  varchar,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { bothWays, countOrLabel, selected } from './both-ways.ts'

/*
 * Keys that share the column of the tenant, and keys to unique columns that are not the primary key: every
 * number exists for both tenants, so that a relation by half a key shows the rows of the other one.
 */

const tenant = integer().primaryKey()
const no = integer().primaryKey()

class Customer extends table('customers', {
  tenant,
  no,
  label: text(),
  referrerNo: integer().nullable(),
  // Shares a column with the primary key of the same row.
  referrer: () => belongsTo(Customer, ['tenant', 'referrerNo']),
  referred: () => hasMany(Customer, ['tenant', 'referrerNo']),
  projects: () => hasMany(Project, ['tenant', 'customerNo']),
  latest: () => hasOne(Project, ['tenant', 'customerNo']),
  skills: () => manyToMany(Skill, { through: CustomerSkill }),
  friends: () =>
    manyToMany(Customer, {
      through: Friendship,
      from: ['tenant', 'oneNo'],
      to: ['tenant', 'otherNo'],
    }),
  friendOf: () =>
    manyToMany(Customer, {
      through: Friendship,
      from: ['tenant', 'otherNo'],
      to: ['tenant', 'oneNo'],
    }),
}) {}

class Skill extends table('skills', {
  tenant,
  code: varchar(9).primaryKey(),
  label: text(),
  customers: () => manyToMany(Customer, { through: CustomerSkill }),
}) {}

class CustomerSkill extends table(
  'customer_skills',
  { tenant, customerNo: no, skillCode: varchar(9).primaryKey() },
  {
    foreignKeys: [
      { columns: ['tenant', 'customerNo'], references: () => keyOf(Customer) },
      { columns: ['tenant', 'skillCode'], references: () => keyOf(Skill) },
    ],
  },
) {}

class Friendship extends table(
  'friendships',
  { tenant, oneNo: no, otherNo: no },
  {
    foreignKeys: [
      { columns: ['tenant', 'oneNo'], references: () => keyOf(Customer) },
      { columns: ['tenant', 'otherNo'], references: () => keyOf(Customer) },
    ],
  },
) {}

class Project extends table(
  'projects',
  {
    id: integer().primaryKey(),
    label: text(),
    tenant: integer(),
    code: text(),
    customerNo: integer().nullable(),
    payerNo: integer().nullable(),
    customer: () => belongsTo(Customer, ['tenant', 'customerNo']),
    payer: () => belongsTo(Customer, ['tenant', 'payerNo']),
    tasks: () => hasMany(Task, ['tenant', 'projectCode']),
    task: () => hasOne(Task, ['tenant', 'projectCode']),
    needs: () =>
      manyToMany(Project, {
        through: Need,
        from: ['tenant', 'code'],
        to: ['neededTenant', 'neededCode'],
      }),
    neededBy: () =>
      manyToMany(Project, {
        through: Need,
        from: ['neededTenant', 'neededCode'],
        to: ['tenant', 'code'],
      }),
  },
  {
    unique: [['tenant', 'code']],
    foreignKeys: [
      { columns: ['tenant', 'customerNo'], references: () => keyOf(Customer) },
      { columns: ['tenant', 'payerNo'], references: () => keyOf(Customer) },
    ],
  },
) {}

class Task extends table(
  'tasks',
  {
    id: integer().primaryKey(),
    label: text(),
    projectCode: text().nullable(),
    tenant: integer(),
    project: () => belongsTo(Project, ['tenant', 'projectCode']),
  },
  {
    foreignKeys: [
      {
        columns: ['tenant', 'projectCode'],
        references: () => keyOf(Project, ['tenant', 'code']),
      },
    ],
  },
) {}

class Need extends table(
  'needs',
  {
    tenant,
    code: text().primaryKey(),
    neededTenant: integer().primaryKey(),
    neededCode: text().primaryKey(),
  },
  {
    foreignKeys: [
      { columns: ['tenant', 'code'], references: () => keyOf(Project, ['tenant', 'code']) },
      {
        columns: ['neededTenant', 'neededCode'],
        references: () => keyOf(Project, ['tenant', 'code']),
      },
    ],
  },
) {}

const { database, query } = await testDatabase([
  Customer,
  Skill,
  CustomerSkill,
  Friendship,
  Project,
  Task,
  Need,
])

beforeAll(async () => {
  await query(`insert into customers (tenant, no, label, referrer_no) values
    (1, 1, '1-ann', null), (1, 2, '1-bob', 1), (2, 1, '2-ann', 2), (2, 2, '2-bob', null)`)
  await query(`insert into skills values (1, 'js', '1-js'), (1, 'pg', '1-pg'), (2, 'js', '2-js')`)
  await query(`insert into customer_skills (tenant, customer_no, skill_code) values
    (1, 1, 'js'), (1, 1, 'pg'), (1, 2, 'pg'), (2, 1, 'js')`)
  await query(`insert into friendships (tenant, one_no, other_no) values
    (1, 1, 2), (2, 2, 1), (2, 2, 2)`)
  await query(`insert into projects (id, label, tenant, code, customer_no, payer_no) values
    (1, '1-a', 1, 'a', 1, 2), (2, '1-b', 1, 'b', 1, null), (3, '2-a', 2, 'a', 1, 1), (4, '2-b', 2, 'b', null, 2)`)
  await query(`insert into tasks (id, label, tenant, project_code) values
    (1, '1-a-1', 1, 'a'), (2, '1-a-2', 1, 'a'), (3, '2-a-1', 2, 'a'), (4, 'none', 1, null)`)
  await query(`insert into needs (tenant, code, needed_tenant, needed_code) values
    (1, 'a', 1, 'b'), (1, 'a', 2, 'a'), (2, 'a', 2, 'a')`)
})

describe('relations whose keys share a column give the same in every way:', () => {
  it.each([
    ['belongsTo', Project, 'customer', ['1-ann', '1-ann', '2-ann', null]],
    ['a second belongsTo', Project, 'payer', ['1-bob', null, '2-ann', '2-bob']],
    [
      'belongsTo with a column of its primary key',
      Customer,
      'referrer',
      [null, '1-ann', '2-bob', null],
    ],
    ['hasMany', Customer, 'projects', [['1-a', '1-b'], [], ['2-a'], []]],
    ['hasMany to the same table', Customer, 'referred', [['1-bob'], [], [], ['2-ann']]],
    ['hasOne that several rows match', Customer, 'latest', ['1-a', null, '2-a', null]],
    [
      'manyToMany of two composite keys',
      Customer,
      'skills',
      [['1-js', '1-pg'], ['1-pg'], ['2-js'], []],
    ],
    ['the same backwards', Skill, 'customers', [['1-ann'], ['1-ann', '1-bob'], ['2-ann']]],
    ['manyToMany to itself', Customer, 'friends', [['1-bob'], [], [], ['2-ann', '2-bob']]],
    [
      'manyToMany to itself, backwards',
      Customer,
      'friendOf',
      [[], ['1-ann'], ['2-bob'], ['2-bob']],
    ],
  ] as const)('%s', async (_, entity, name, expected) => {
    expect(await bothWays(database, entity, name)).toEqual(expected)
    expect(await selected(database, entity, name)).toEqual(expected.map(countOrLabel))
  })
})

describe('relations by unique columns that are not the primary key give the same in every way:', () => {
  it.each([
    ['belongsTo', Task, 'project', ['1-a', '1-a', '2-a', null]],
    ['hasMany', Project, 'tasks', [['1-a-1', '1-a-2'], [], ['2-a-1'], []]],
    ['hasOne', Project, 'task', ['1-a-1', null, '2-a-1', null]],
    ['manyToMany', Project, 'needs', [['1-b', '2-a'], [], ['2-a'], []]],
    ['manyToMany backwards', Project, 'neededBy', [[], ['1-a'], ['1-a', '2-a'], []]],
  ] as const)('%s', async (_, entity, name, expected) => {
    expect(await bothWays(database, entity, name)).toEqual(expected)
    expect(await selected(database, entity, name)).toEqual(expected.map(countOrLabel))
  })
})

describe('a foreign key that shares a column with another', () => {
  it('is loaded anew for both relations after the shared column was changed', async () => {
    await using session = database.session()
    const projects = session.find(Project).filter({ id: 1 })
    const loaders = [selectinload(Project.customer), selectinload(Project.payer)]
    const project = await projects.options(...loaders).one()
    project.tenant = 2
    expect([project.customer.isLoaded, project.payer.isLoaded]).toEqual([false, false])
    expect((await project.customer)?.label).toBe('2-ann')
    expect((await project.payer)?.label).toBe('2-bob')
    await session.rollback()
  })

  it('is filtered by both of its entities, and by what is behind them', async () => {
    const found = await database.run((session) =>
      session
        .find(Project)
        .filter((project) => project.customer.label.eq('1-ann'))
        .filter((project) => project.payer.skills.any((skill) => skill.label.eq('1-pg')))
        .toList(),
    )
    expect(found.map(({ label }) => label)).toEqual(['1-a'])
  })

  it('is taken from the identity map, where the rows of both tenants are', async () => {
    await using session = database.session()
    await session.find(Customer).toList()
    const projects = session.find(Project).orderBy((project) => project.id.asc())
    const found = await projects
      .options(selectinload(Project.customer), selectinload(Project.payer))
      .toList()
    expect(found.map(({ payer }) => payer.value?.label)).toEqual([
      '1-bob',
      undefined,
      '2-ann',
      '2-bob',
    ])
    expect(session.stats.queryCount).toBe(2)
  })
})
