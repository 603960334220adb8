import { describe, expect, it } from 'vitest'
import {
  array,
  char,
  citext,
  inet,
  integer,
  interval,
  json,
  jsonb,
  numeric,
  real,
  table,
  time,
  timestamp,
  timestamptz,
  uuid,
  varchar,
  bigint,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { columnsOf } from './every-type.ts'

class Altered extends table('altered', {
  id: integer().primaryKey().generated(),
  int: integer().nullable(),
  big: bigint().nullable(),
  money: numeric({ precision: 12, scale: 2 }).nullable(),
  numeric: numeric().nullable(),
  real: real().nullable(),
  char: char(4).nullable(),
  varchar: varchar(4).nullable(),
  citext: citext().nullable(),
  uuid: uuid().nullable(),
  time: time({ precision: 2 }).nullable(),
  interval: interval().nullable(),
  stamp: timestamp({ mode: 'string', precision: 0 }).nullable(),
  second: timestamptz({ precision: 0 }).nullable(),
  inet: inet().nullable(),
  jsonb: jsonb().nullable(),
  json: json().nullable(),
  prices: array(numeric({ precision: 12, scale: 2 })).nullable(),
  reals: array(array(real())).nullable(),
  chars: array(char(3).nullable()).nullable(),
  times: array(time({ precision: 0 })).nullable(),
  seconds: array(timestamptz({ precision: 0 })).nullable(),
  documents: array(jsonb()).nullable(),
}) {}

const { database, truncate } = await testDatabase([Altered])

type Name = Exclude<keyof Altered, 'id' | 'toJSON'>

const cases: readonly [Name, given: unknown, stored: unknown][] = [
  ['int', -0, 0],
  ['big', '-007', '-7'],
  ['big', '-0', '0'],
  ['money', '0.005', '0.01'],
  ['money', '1.5', '1.50'],
  ['money', '+1e3', '1000.00'],
  ['money', '-0.001', '0.00'],
  ['numeric', '+1.5e3', '1500'],
  ['numeric', '.5', '0.5'],
  ['numeric', '007', '7'],
  ['real', 0.1 + 0.2, 0.3],
  ['real', 16777217, 16777216],
  ['real', Math.fround(0.1), 0.1],
  ['char', 'a', 'a   '],
  ['char', '', '    '],
  ['varchar', 'abcd    ', 'abcd'],
  ['citext', 'Case', 'Case'],
  ['uuid', '0190B0C4-8D2E-7C3A-9A41-3F0A6C1D2E4F', '0190b0c4-8d2e-7c3a-9a41-3f0a6c1d2e4f'],
  ['time', '09:30', '09:30:00'],
  ['time', '09:30:00.126', '09:30:00.13'],
  ['time', '23:59:59.999', '24:00:00'],
  ['interval', '90 minutes', '01:30:00'],
  ['interval', 'P1DT2H', '1 day 02:00:00'],
  ['stamp', '2024-02-28T23:59:59.5', '2024-02-29 00:00:00'],
  ['stamp', '2024-02-29 09:30', '2024-02-29 09:30:00'],
  ['second', new Date('2024-02-28T23:59:59.500Z'), new Date('2024-02-29T00:00:00Z')],
  ['inet', '10.0.0.1/32', '10.0.0.1'],
  ['inet', '2001:DB8::0:1', '2001:db8::1'],
  ['jsonb', { b: 1, a: [new Date(0)] }, { b: 1, a: ['1970-01-01T00:00:00.000Z'] }],
  ['jsonb', { kept: 1, gone: undefined, list: [undefined] }, { kept: 1, list: [null] }],
  ['json', { gone: undefined, map: new Map([[1, 2]]) }, { map: {} }],
  ['prices', ['1', '0.005'], ['1.00', '0.01']],
  ['reals', [[0.1 + 0.2], [16777217]], [[0.3], [16777216]]],
  ['chars', ['', null, 'a'], ['   ', null, 'a  ']],
  ['times', ['09:30', '09:30:00.5'], ['09:30:00', '09:30:01']],
  ['seconds', [new Date('2024-02-29T00:00:00.5Z')], [new Date('2024-02-29T00:00:01Z')]],
  ['documents', [{ gone: undefined }, new Date(0)], [{}, '1970-01-01T00:00:00.000Z']],
]

const read = (id: number) =>
  database.run(async (session) => columnsOf(await session.getOrThrow(Altered, id)))

describe('what PostgreSQL makes of a value is in the entity after the flush:', () => {
  it.each(cases)('%s %j is %j, inserted', async (name, given, stored) => {
    await truncate()
    const entity = new Altered({ [name]: given })
    await using session = database.session()
    session.add(entity)
    await session.flush()
    expect(entity[name]).toStrictEqual(stored)
    const count = session.stats.queryCount
    await session.commit()
    expect(session.stats.queryCount).toBe(count)
    expect(columnsOf(entity)).toEqual(await read(entity.id))
  })

  it.each(cases)('%s %j is %j, updated', async (name, given, stored) => {
    await truncate()
    await using session = database.session()
    const entity = new Altered({})
    session.add(entity)
    await session.flush()
    Object.assign(entity, { [name]: given })
    await session.flush()
    expect(entity[name]).toStrictEqual(stored)
    const count = session.stats.queryCount
    await session.commit()
    expect(session.stats.queryCount).toBe(count)
    expect(columnsOf(entity)).toEqual(await read(entity.id))
  })

  it('in a batch of rows that change other columns each', async () => {
    await truncate()
    await using session = database.session()
    const entities = cases.map(([name, given]) => new Altered({ [name]: given }))
    const empty = cases.map(() => new Altered({}))
    session.add([...entities, ...empty])
    await session.flush()
    for (const [index, [name, given]] of cases.entries())
      Object.assign(empty[index] as Altered, { [name]: given })
    await session.flush()
    const count = session.stats.queryCount
    await session.commit()
    expect(session.stats.queryCount).toBe(count)
    for (const [index, [name, , stored]] of cases.entries()) {
      expect(entities[index]?.[name]).toStrictEqual(stored)
      expect(empty[index]?.[name]).toStrictEqual(stored)
    }
  })
})

describe('an object that the program holds', () => {
  it('stays the same object where PostgreSQL stores what was sent', async () => {
    const [document, prices, second] = [{ b: 1, a: { list: [1] } }, ['1.00'], new Date(1000)]
    await using session = database.session()
    const entity = new Altered({ jsonb: document, prices, second })
    session.add(entity)
    await session.flush()
    document.a.list.push(2)
    await session.flush()
    expect(entity.jsonb).toBe(document)
    expect(entity.prices).toBe(prices)
    expect(entity.second).toBe(second)
    await session.commit()
    expect((await read(entity.id))['jsonb']).toEqual({ b: 1, a: { list: [1, 2] } })
  })

  it('is replaced where it became something else in JSON', async () => {
    await using session = database.session()
    const entity = new Altered({ jsonb: {}, documents: [{}] })
    session.add(entity)
    await session.flush()
    entity.jsonb = new Date(0)
    entity.documents = [new Date(0)]
    await session.flush()
    expect(entity).toMatchObject({
      jsonb: '1970-01-01T00:00:00.000Z',
      documents: ['1970-01-01T00:00:00.000Z'],
    })
    await session.commit()
    expect(columnsOf(entity)).toEqual(await read(entity.id))
  })

  it('is not overwritten where it is changed while it is written', async () => {
    await using session = database.session()
    const entity = new Altered({ money: '1.005', prices: ['1.005'], char: 'a' })
    session.add(entity)
    const flushing = session.flush()
    await new Promise((resolve) => void setImmediate(resolve))
    entity.money = '7'
    entity.prices?.push('2')
    await flushing
    expect(entity).toMatchObject({ money: '7', prices: ['1.005', '2'], char: 'a   ' })
    await session.commit()
    expect(await read(entity.id)).toMatchObject({ money: '7.00', prices: ['1.01', '2.00'] })
  })
})
