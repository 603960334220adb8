import { inspect } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  belongsTo,
  boolean,
  type DataBridgeError,
  type Entity,
  integer,
  sql,
  table,
  text,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { failure } from '../../support/failure.ts'

class Member extends table('members', {
  id: integer().primaryKey().generated(),
  mail: text('e-mail, (quoted) "x"').unique(),
  nick: text().nullable(),
  team: integer().default(1),
  seat: integer().nullable(),
  bossId: integer().nullable(),
  isOld: boolean().default(false),
  city: text().nullable(),
  boss: () => belongsTo(Member, 'bossId'),
}) {}
class Event extends table('events', {
  id: integer().primaryKey(),
  code: text(),
}) {}
class Viewed extends table('viewed', {
  id: integer().primaryKey().generated(),
  name: text(),
}) {}

const { database, query, truncate } = await testDatabase([Member])
await query(`
  create extension if not exists citext;
  alter table members add constraint seat_of_team unique (team, seat),
    add constraint boss foreign key (boss_id) references members,
    add constraint adult check (team < 100 or seat > 0),
    add constraint late unique (city) deferrable initially deferred;
  create unique index nick_once on members (lower(nick));
  create unique index young_team on members (team) where is_old;
  create table events (id int, code text not null, primary key (id), unique (id, code)) partition by range (id);
  create table events_low partition of events for values from (0) to (100);
  create table hidden (id int primary key, name text);
  create view viewed as select id, name from hidden;
  create function keyless() returns trigger language plpgsql as 'begin return new; end';
  create trigger keyless instead of insert on viewed for each row execute function keyless();
  create table audit (nick text unique);
  create function audits() returns trigger language plpgsql as
    'begin if new.city is not null then insert into audit values (new.city); end if; return new; end';
  create trigger audits after insert on members for each row execute function audits()`)
beforeEach(async () => {
  await truncate()
  await query(
    `insert into members ("e-mail, (quoted) ""x""", nick, team, seat) values ('taken', 'Nick', 1, 1)`,
  )
})

const refused = (code: Parameters<typeof failure>[0], entities: readonly Entity[]) =>
  failure(code, () => database.run((session) => session.add(entities)))

const facts = ({ columns, entity }: DataBridgeError) => ({ columns, entity })

let mails = 0
const member = (values: Partial<ConstructorParameters<typeof Member>[0]> = {}): Member =>
  new Member({ mail: `free ${(mails += 1)}`, ...values })

describe('a unique violation', () => {
  it.each([1, 3])('names the property and the entity, one of %i', async (count) => {
    const taken = new Member({ mail: 'taken' })
    const all = [taken, ...Array.from({ length: count - 1 }, () => member())]
    const error = await refused('DATA_BRIDGE_ERR_UNIQUE', all)
    expect(facts(error)).toEqual({ columns: ['mail'], entity: taken })
    expect(error.details).not.toContain('taken')
    expect(error.statusCode).toBe(409)
  })

  it('names the properties of several columns', async () => {
    const second = member({ team: 1, seat: 1 })
    const error = await refused('DATA_BRIDGE_ERR_UNIQUE', [member(), second, member({ seat: 2 })])
    expect(facts(error)).toEqual({ columns: ['team', 'seat'], entity: second })
  })

  it('is told of values that look like the rest of a detail', async () => {
    for (const mail of ['a) already exists (', 'a, b', 'x)=(y', '(', ')', 'taken) (x)=(taken']) {
      await database.run((session) => session.add(new Member({ mail })))
      const again = new Member({ mail })
      const error = await refused('DATA_BRIDGE_ERR_UNIQUE', [
        member(),
        again,
        new Member({ mail: 'a' }),
      ])
      expect(error.columns).toEqual(['mail'])
      expect([again, undefined]).toContain(error.entity)
      await truncate()
    }
  })

  it('names the column of an expression, and an entity only where it was alone', async () => {
    const nick = member({ nick: 'NICK' })
    expect(facts(await refused('DATA_BRIDGE_ERR_UNIQUE', [nick]))).toEqual({
      columns: ['nick'],
      entity: nick,
    })
    const many = await refused('DATA_BRIDGE_ERR_UNIQUE', [member(), member({ nick: 'NICK' })])
    expect(facts(many)).toEqual({ columns: ['nick'], entity: undefined })
  })

  it('of a part of the rows names its columns', async () => {
    const [one, two] = [member({ isOld: true }), member({ isOld: true })]
    const error = await refused('DATA_BRIDGE_ERR_UNIQUE', [one, two])
    expect(facts(error)).toEqual({ columns: ['team'], entity: undefined })
  })

  it('is told of an update', async () => {
    const [one, two] = [member(), member()]
    const error = await failure('DATA_BRIDGE_ERR_UNIQUE', () =>
      database.run(async (session) => {
        session.add(one, two)
        await session.flush()
        one.nick = 'other'
        two.mail = 'taken'
      }),
    )
    expect(facts(error)).toEqual({ columns: ['mail'], entity: two })
  })

  it('of a partition names the properties', async () => {
    await database.run((session) => session.add(new Event({ id: 1, code: 'a' })))
    const again = new Event({ id: 1, code: 'b' })
    const error = await refused('DATA_BRIDGE_ERR_UNIQUE', [new Event({ id: 2, code: 'c' }), again])
    expect(facts(error)).toEqual({ columns: ['id'], entity: again })
    await query('delete from events')
  })

  it('of a table that a trigger writes has the columns of that table', async () => {
    await query(`insert into audit values ('Oslo')`)
    const error = await refused('DATA_BRIDGE_ERR_UNIQUE', [member(), member({ city: 'Oslo' })])
    expect(facts(error)).toEqual({ columns: ['nick'], entity: undefined })
    expect(error.table).toBe('audit')
  })

  it('that is checked at the COMMIT, and one of execute(), have the columns', async () => {
    const late = await failure('DATA_BRIDGE_ERR_COMMIT_FAILED', () =>
      database.run(async (session) => {
        session.add(member({ city: 'Rome' }))
        await session.flush()
        await session.execute(sql`delete from audit`)
        session.add(member({ city: 'Rome' }))
      }),
    )
    expect(late.columns).toEqual(['city'])
    const raw = await failure('DATA_BRIDGE_ERR_UNIQUE', () =>
      database.run((session) =>
        session.execute(sql`insert into members (id) select id from members`),
      ),
    ).catch((error: DataBridgeError) => error)
    expect(raw.columns).toEqual(['e-mail, (quoted) "x"'])
  })
})

describe('other constraints', () => {
  it('of a foreign key: its properties, and the entity', async () => {
    const lost = member({ bossId: 404 })
    const error = await refused('DATA_BRIDGE_ERR_FOREIGN_KEY', [member(), lost])
    expect(facts(error)).toEqual({ columns: ['bossId'], entity: lost })
  })

  it('of a row that others refer to: the entity where it was alone', async () => {
    const boss = member()
    await database.run(async (session) => {
      session.add(boss)
      await session.flush()
      session.add(member({ bossId: boss.id }))
    })
    await database.run(async (session) => {
      const found = await session.getOrThrow(Member, boss.id)
      session.delete(found)
      const error = await failure('DATA_BRIDGE_ERR_FOREIGN_KEY', () => session.flush())
      expect(facts(error)).toEqual({ columns: undefined, entity: found })
      await session.rollback()
    })
  })

  it('of a required value: its property, and the entity', async () => {
    await query('alter table members alter nick set not null')
    const missing = member()
    const error = await refused('DATA_BRIDGE_ERR_NOT_NULL', [member({ nick: 'x' }), missing])
    expect(facts(error)).toEqual({ columns: ['nick'], entity: missing })
    await query('alter table members alter nick drop not null')
  })

  it('of a check: the properties that it looks at', async () => {
    const alone = member({ team: 100, seat: -1 })
    const error = await refused('DATA_BRIDGE_ERR_CHECK', [alone])
    expect(facts(error)).toEqual({ columns: ['team', 'seat'], entity: alone })
    const many = await refused('DATA_BRIDGE_ERR_CHECK', [member(), member({ team: 100, seat: -1 })])
    expect(facts(many)).toEqual({ columns: ['team', 'seat'], entity: undefined })
  })
})

it('is for the program alone: nothing that prints the error shows it', async () => {
  const error = await refused('DATA_BRIDGE_ERR_UNIQUE', [
    new Member({ mail: 'taken', nick: 'secret' }),
  ])
  expect(error.entity).toBeInstanceOf(Member)
  expect(Object.keys(error)).not.toContain('entity')
  expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/secret|'taken'/)
  expect(JSON.stringify(error)).not.toMatch(/secret|taken/)
})

describe('rows that come back otherwise', () => {
  it.each([1, 2])('without a key are an error that says so, %i', async (count) => {
    const rows = Array.from({ length: count }, () => new Viewed({ name: 'x' }))
    const error = await refused('DATA_BRIDGE_ERR_FLUSH', rows)
    expect(error.details).toContain('INSERT viewed expected a row with id, got null')
    expect(rows[0]?.id).toBeUndefined()
  })

  it('that no partition takes are told so', async () => {
    const error = await refused('DATA_BRIDGE_ERR_CHECK', [new Event({ id: 500, code: 'x' })])
    expect(error.details).toBe('no partition of the table takes the row (events)')
    expect(error.statusCode).toBe(400)
    const direct = await failure('DATA_BRIDGE_ERR_CHECK', () =>
      database.run((session) => session.execute(sql`insert into events_low values (500, 'x')`)),
    )
    expect(direct.details).toBe('no partition of the table takes the row (events_low)')
  })
})
