import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { testDatabase } from '../../../support/database.ts'
import { coded } from '../../../support/failure.ts'
import { binaries, decoderOf, samples, text } from './decoders.ts'
import { feeds, openLane, rowsOf, send } from './lanes.ts'

const { url } = await testDatabase()

const all = [text, ...binaries]

describe.each(feeds)('rows that come as %s', (feed) => {
  it.each(all)('are the same in text and in binary format: $type', async (column) => {
    const { lane } = await openLane(url, feed)
    const values = samples[column.type]!
    const decoder = decoderOf(column, text, column)
    const list = values.map((_, at) => `($${at + 1}::${column.type}, ${at})`).join(', ')
    const part = {
      text: `select v, n::text, null::${column.type} from (values ${list}) as t (v, n) order by n`,
      name: 'samples',
      parameters: values,
      decoder,
    }
    const first = await rowsOf(lane, part)
    expect(first.map((row) => row.slice(1))).toEqual(values.map((_, at) => [String(at), null]))
    // The first time, rows are texts, since the types are not known.
    expect(await rowsOf(lane, part)).toEqual(first)
    expect(await rowsOf(lane, { ...part, name: undefined })).toEqual(first)
    expect(first.map(([value]) => value)).toEqual(
      (await rowsOf(lane, { ...part, decoder: undefined })).map(([value]) =>
        column.fromText(value as string),
      ),
    )
  })

  it('are texts where the described type is another one than that of the decoder', async () => {
    const { lane } = await openLane(url, feed)
    const int4 = binaries.find(({ type }) => type === 'int4')!
    const part = { text: 'select 5::int8, 6::int4', name: 'other', decoder: decoderOf(int4, int4) }
    for (let time = 0; time < 3; time += 1) expect(await rowsOf(lane, part)).toEqual([[5, 6]])
  })

  it('can be read otherwise by the same statement', async () => {
    const { lane } = await openLane(url, feed)
    const int4 = binaries.find(({ type }) => type === 'int4')!
    const part = { text: 'select 5 as n', name: 'five' }
    for (let time = 0; time < 3; time += 1) {
      expect(await rowsOf(lane, { ...part, decoder: decoderOf(int4) })).toEqual([[5]])
      expect(await rowsOf(lane, part)).toEqual([['5']])
      expect(await rowsOf(lane, { ...part, decoder: decoderOf(text) })).toEqual([['5']])
      expect((await send(lane, { ...part, row: undefined })).results[0]!.rowCount).toBe(1)
    }
  })

  it('can be read otherwise within one exchange', async () => {
    const { lane } = await openLane(url, feed)
    const int4 = binaries.find(({ type }) => type === 'int4')!
    const part = { text: 'select 5 as n', name: 'within' }
    for (let time = 0; time < 3; time += 1) {
      const { failure, results } = await send(lane, { ...part, decoder: decoderOf(int4) }, part, {
        ...part,
        decoder: decoderOf(int4),
      })
      expect(failure).toBeUndefined()
      expect(results.map(({ rows }) => rows)).toEqual([[[5]], [['5']], [[5]]])
    }
  })

  it('tell their types before the first row, and where there is none', async () => {
    const { lane } = await openLane(url, feed)
    for (let time = 0; time < 3; time += 1) {
      const seen: unknown[] = []
      const part = {
        text: 'select 1::int4, $1::int8 where $1::int8 > 0',
        name: 'typed',
        decoder: decoderOf(text, text),
        described: (typeIds: readonly number[]): void => void seen.push(typeIds),
        row: (): void => void seen.push('row'),
        completed: (): void => void seen.push('completed'),
      }
      await send(
        lane,
        { ...part, parameters: ['1'] },
        { ...part, parameters: ['0'] },
        { ...part, name: undefined, parameters: ['1'] },
      )
      expect(seen).toEqual([
        [23, 20],
        'row',
        'completed',
        [23, 20],
        'completed',
        [23, 20],
        'row',
        'completed',
      ])
    }
  })

  it('have an error of the decoder, which knows the column and those before it', async () => {
    const { lane } = await openLane(url, feed)
    const cause = new Error('unreadable')
    const fails = (value: unknown): never => {
      if (value === 3 || value === '3') throw cause
      return value as never
    }
    const int4 = binaries.find(({ type }) => type === 'int4')!
    const failing = {
      fromText: fails,
      binary: {
        ...int4.binary!,
        read: (bytes: Buffer, at: number) => fails(bytes.readInt32BE(at)),
      },
    }
    const decoder = decoderOf(text, failing, text)
    const part = {
      text: `select n || 'th', n, 'c' from generate_series(1, 5) n`,
      name: 'fails',
      decoder,
    }
    for (let time = 0; time < 3; time += 1) {
      const { failure, results } = await send(lane, 'select 0', part, 'select 1')
      expect(failure).toMatchObject({ part: 1, isLost: false })
      expect(failure?.error).toMatchObject({ message: 'column 1 behind ["3th"]', cause })
      expect(results[1]!.rows.map(([first]) => first)).toEqual(['1th', '2th'])
      expect(results[2]!.rows).toEqual([])
    }
    expect(await rowsOf(lane, 'select 4')).toEqual([['4']])
  })

  it.each([1, 3])('are refused if a decoder has %i columns in place of 2', async (width) => {
    const { lane } = await openLane(url, feed)
    const decoder = decoderOf(...Array.from({ length: width }, () => binaries[1]!))
    const part = { text: 'select 1, 2', name: `wide`, decoder }
    for (let time = 0; time < 2; time += 1) {
      const { failure } = await send(lane, part)
      expect(failure).toMatchObject({ part: 0, isLost: false })
      expect(failure?.error).toEqual(
        coded('DATA_BRIDGE_ERR_STATEMENT', `Expected a row of ${width} columns, got 2`),
      )
    }
  })

  it('can have no columns and many', async () => {
    const { lane } = await openLane(url, feed)
    expect(await rowsOf(lane, 'select from generate_series(1, 2)')).toEqual([[], []])
    expect(await rowsOf(lane, { text: 'select', name: 'none', decoder: decoderOf() })).toEqual([[]])
    const numbers = Array.from({ length: 1600 }, (_, at) => at)
    const decoder = decoderOf(...numbers.map(() => binaries[1]!))
    const part = { text: `select ${numbers.join(', ')}`, name: 'wide', decoder }
    for (let time = 0; time < 2; time += 1) expect(await rowsOf(lane, part)).toEqual([numbers])
  })

  it('can be large', async () => {
    const { lane } = await openLane(url, feed)
    const size = 5 * 2 ** 20
    const part = {
      text: `select n, repeat('ab€d', $1 / 4), repeat('x', n) from generate_series(1, 4) n`,
      name: 'large',
      parameters: [String(size)],
      decoder: decoderOf(binaries[1]!, text, text),
    }
    for (let time = 0; time < 2; time += 1) {
      const rows = await rowsOf(lane, part)
      expect(rows.map(([n, large, small]) => [n, (large as string).length, small])).toEqual(
        [1, 2, 3, 4].map((n) => [n, size, 'x'.repeat(n)]),
      )
      expect(rows[3]![1]).toBe('ab€d'.repeat(size / 4))
    }
  })
})

it('come in binary format once their types are known', async () => {
  const { lane } = await openLane(url, 'bytes')
  const format = { ...binaries[1]!.binary!, read: () => 'binary' }
  const decoder = decoderOf({ fromText: () => 'text', binary: format }, text)
  const part = { text: `select 1, 'a'::text`, name: 'formats', decoder }
  expect(await rowsOf(lane, part)).toEqual([['text', 'a']])
  expect(await rowsOf(lane, part)).toEqual([['binary', 'a']])
  expect(await rowsOf(lane, { ...part, name: undefined })).toEqual([['text', 'a']])
})

describe.each(feeds)('parameters on a lane that reads %s', (feed) => {
  it('are texts, bytes or null', async () => {
    const { lane } = await openLane(url, feed)
    const number = Buffer.alloc(4)
    number.writeInt32BE(-77)
    const part = {
      text: 'select $1::int, $2::text, $3::text, $4::bytea, $5::text',
      parameters: [number, null, 'tëxt €', new Uint8Array([0, 255]), ''],
    }
    const row = ['-77', null, 'tëxt €', '\\x00ff', '']
    expect(await rowsOf(lane, part)).toEqual([row])
    for (let time = 0; time < 2; time += 1)
      expect(await rowsOf(lane, { ...part, name: 'mixed' })).toEqual([row])
  })

  it('arrive whole, whatever their length', async () => {
    const { lane } = await openLane(url, feed)
    const lengths = [
      1, 11, 12, 13, 127, 128, 5_000, 5_461, 5_462, 16_000, 16_384, 21_845, 65_536, 5_000_000,
    ]
    for (const length of lengths) {
      for (const letter of ['x', 'é', '€']) {
        const value = letter.repeat(length)
        const part = { text: `select md5($1), octet_length($2)::text`, name: 'lengths' }
        const parameters = [value, Buffer.from(value)]
        const hash = createHash('md5').update(value).digest('hex')
        const typed = { ...part, text: 'select md5($1), octet_length($2::bytea)::text', parameters }
        expect(await rowsOf(lane, typed)).toEqual([[hash, String(Buffer.byteLength(value))]])
      }
    }
  })

  it('can be the most that there can be', async () => {
    const { lane } = await openLane(url, feed)
    const parameters = Array.from({ length: 65_535 }, (_, at) => String(at))
    const list = parameters.map((_, at) => `$${at + 1}::int`).join(',')
    expect(
      await rowsOf(lane, { text: `select array_length(array[${list}], 1)`, parameters }),
    ).toEqual([['65535']])
  })
})
