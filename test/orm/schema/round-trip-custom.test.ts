import { beforeEach, describe, expect, it } from 'vitest'
import {
  array,
  belongsTo,
  custom,
  type CustomType,
  hasMany,
  integer,
  selectinload,
  table,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

/** A number of cents that nothing but its methods can see or change. */
class Money {
  #cents: number

  constructor(cents: number) {
    this.#cents = cents
  }

  get text(): string {
    return (this.#cents / 100).toFixed(3)
  }

  add(cents: number): void {
    this.#cents += cents
  }
}

const money: CustomType<Money> = {
  sql: 'numeric(12,2)',
  decode: (text) => new Money(Number(text) * 100),
  encode: ({ text }) => text,
  isType: (value) => value instanceof Money,
}

const mac: CustomType<string> = { sql: 'macaddr', decode: String, encode: String }

const numbers: CustomType<ReadonlySet<number>> = {
  sql: 'integer[]',
  decode: (text) => new Set(text.slice(1, -1).split(',').filter(Boolean).map(Number)),
  encode: (value) => `{${[...value].join(',')}}`,
}

const box: CustomType<string> = { sql: 'box', decode: String, encode: String, isComparable: false }

class Device extends table('devices', {
  mac: custom(mac).primaryKey(),
  price: custom(money).default(new Money(150)),
  prices: array(custom(money)).default([new Money(1)]),
  ports: custom(numbers).nullable(),
  area: custom(box).nullable(),
  parts: () => hasMany(Part, 'deviceMac'),
}) {}

class Part extends table('parts', {
  id: integer().primaryKey().generated(),
  deviceMac: custom(mac).references(() => Device),
  device: () => belongsTo(Device, 'deviceMac'),
}) {}

const { database, query, truncate } = await testDatabase([Device, Part])

beforeEach(truncate)

const addresses = ['08:00:2b:01:02:03', '08:00:2b:01:02:04', '08:00:2b:01:02:05']
const textsOf = ({ price, prices }: Device) => [price.text, prices.map(({ text }) => text)]

describe('objects of a class with private fields', () => {
  it('are defaults, each entity with its own', async () => {
    const [one, other] = addresses.map((address) => new Device({ mac: address }))
    one?.price.add(1000)
    one?.prices[0]?.add(1000)
    expect(other && textsOf(other)).toEqual(['1.500', ['0.010']])
    expect(other?.price).toBeInstanceOf(Money)
    await database.run((session) => session.add([one as Device, other as Device]))
    expect(await query('select price, prices::text from devices order by mac')).toEqual([
      { price: '11.50', prices: '{10.01}' },
      { price: '1.50', prices: '{0.01}' },
    ])
  })

  it.each([1, 3])(
    'hold what PostgreSQL made of them after a flush, %d rows at once',
    async (rows) => {
      await using session = database.session()
      const devices = addresses
        .slice(0, rows)
        .map(
          (address) =>
            new Device({ mac: address, price: new Money(0.5), prices: [new Money(0.4)] }),
        )
      session.add(devices)
      await session.flush()
      expect(devices.map(textsOf)).toEqual(devices.map(() => ['0.010', ['0.000']]))
      for (const device of devices) {
        device.price.add(0.5)
        device.prices[0]?.add(0.5)
      }
      await session.flush()
      expect(devices.map(textsOf)).toEqual(devices.map(() => ['0.020', ['0.010']]))
      const { queryCount } = session.stats
      await session.commit()
      expect(session.stats.queryCount).toBe(queryCount)
    },
  )

  it('stay the same objects where PostgreSQL stored what was sent', async () => {
    await using session = database.session()
    const [price, prices, ports] = [new Money(250), [new Money(300)], new Set([1, 2])]
    const device = new Device({ mac: addresses[0] as string, price, prices, ports })
    session.add(device)
    await session.flush()
    price.add(1)
    ports.add(3)
    await session.flush()
    expect(device.price).toBe(price)
    expect(device.prices).toBe(prices)
    expect(device.ports).toBe(ports)
    expect(await session.find(Device).filter({ price }).count()).toBe(1)
    await session.commit()
    expect(await query('select price, ports from devices')).toEqual([
      { price: '2.51', ports: [1, 2, 3] },
    ])
  })
})

it('arrays of a custom type keep to their rows', async () => {
  const ports = [new Set([1, 2]), new Set<number>(), null]
  const area = ['(2,2),(1,1)', null, '(0,0),(0,0)']
  const devices = addresses.map(
    (address, row) =>
      new Device({ mac: address, ports: ports[row] ?? null, area: area[row] ?? null }),
  )
  await database.run((session) => session.add(devices))
  await database.run(async (session) => {
    const read = await session
      .find(Device)
      .orderBy((row) => row.mac.asc())
      .toList()
    expect(read.map((row) => [row.ports, row.area])).toEqual(
      ports.map((value, row) => [value, area[row]]),
    )
    for (const [row, device] of read.entries()) device.ports = new Set([row, 7])
    await session.flush()
    expect(
      await session
        .find(Device)
        .filter((row) => row.ports.in([new Set([1, 7])]))
        .toList(),
    ).toEqual([read[1]])
  })
  expect(await query('select ports from devices order by mac')).toEqual(
    [0, 1, 2].map((row) => ({ ports: [row, 7] })),
  )
})

it('keys of a custom type are equal where PostgreSQL finds them so', async () => {
  await database.run((session) => {
    for (const address of addresses) {
      const device = new Device({ mac: address.toUpperCase().replaceAll(':', '-') })
      session.add([new Part({ device }), new Part({ deviceMac: address.replaceAll(':', '') })])
    }
  })
  await using session = database.session()
  const device = await session.getOrThrow(Device, addresses[0]?.toUpperCase() as string)
  expect(device.mac).toBe(addresses[0])
  expect(await session.get(Device, addresses[0] as string)).toBe(device)
  const devices = await session.find(Device).options(selectinload(Device.parts)).toList()
  expect(devices.map(({ parts }) => parts.value.length)).toEqual([2, 2, 2])
  for (const part of devices.flatMap(({ parts }) => parts.value))
    expect((await part.device).mac).toBe(part.deviceMac)
})

it('an array of boxes is refused, since PostgreSQL separates them by semicolons', () => {
  expect(() => array(custom(box))).toThrow(coded('DATA_BRIDGE_ERR_SCHEMA', 'array() of box'))
})
