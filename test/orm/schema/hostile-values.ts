import { hostileTexts } from './hostile-texts.ts'
import { labels, Point, type TypeName, type ValueOf } from './every-type.ts'

const instants = [
  '1970-01-01T00:00:00.000Z',
  '1969-12-31T23:59:59.999Z',
  '2000-02-29T00:00:00.001Z',
  '1900-02-28T23:59:59.999Z',
  // Clocks of Amsterdam and New York are changed, and each hour before and after.
  '2024-03-31T00:59:59.999Z',
  '2024-03-31T01:00:00.000Z',
  '2024-10-27T00:30:00.000Z',
  '2024-10-27T01:30:00.000Z',
  '2024-03-10T06:59:59.999Z',
  '2024-11-03T06:30:00.000Z',
  '1890-06-15T12:34:56.789Z',
  '0001-01-01T00:00:00.000Z',
  '0000-02-29T12:00:00.123Z',
  '-004712-01-01T00:00:00.000Z',
  '9999-12-31T23:59:59.999Z',
  '+010000-01-01T00:00:00.000Z',
  '+275760-09-13T00:00:00.000Z',
].map((text) => new Date(text))

const deep: unknown = Array.from({ length: 500 }).reduce<unknown>(
  (inner, _, depth) => (depth % 2 === 0 ? [inner] : { 'k"\\': inner }),
  'deep',
)

const documents = [
  {},
  [],
  '',
  'null',
  '{"not":"parsed"}',
  0,
  -1.5e300,
  5e-324,
  2 ** 53,
  1e21,
  false,
  [null, [1, [2]]],
  { nested: { list: [{ a: null }], empty: '' } },
  JSON.parse('{"__proto__": 1, "constructor": {"prototype": 2}, "": 3}') as unknown,
  { 'key "with" \\ and ☃': hostileTexts },
  deep,
]

/** Of each type values that come back as they are: those that are most likely to go wrong. */
export const hostile: { readonly [Name in TypeName]: readonly ValueOf<Name>[] } = {
  smallint: [0, 1, -1, -32768, 32767],
  integer: [0, 1, -1, -2147483648, 2147483647],
  bigString: ['0', '-1', '9007199254740993', '9223372036854775807', '-9223372036854775808'],
  bigNumber: [0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
  bigBigint: [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)],
  real: [0, -0, 0.1, 1.5, 16777216, 3.4028235e38, 1e-45, Infinity, -Infinity, Number.NaN],
  double: [0, -0, 0.1, 0.1 + 0.2, 5e-324, Number.MAX_VALUE, Infinity, -Infinity, Number.NaN],
  money: ['0.00', '12.50', '-0.01', '9999999999.99', '-9999999999.99', 'NaN'],
  numeric: [
    '0',
    '-0.10',
    '1.0',
    '12345678901234567890.123456789012345678901234567890',
    `1${'0'.repeat(1000)}.5`,
    'NaN',
    'Infinity',
    '-Infinity',
  ],
  text: hostileTexts,
  varchar: [...hostileTexts, 'x'.repeat(40), '👩'.repeat(40)],
  char: ['     ', 'NULL ', 'a    ', '   a ', '{"\\} ', '\'"\n\t,', '👩👩👩👩👩'],
  citext: [...hostileTexts, 'Case', 'ÄÖ'],
  boolean: [true, false],
  uuid: ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  date: [
    '2024-02-29',
    '2000-02-29',
    '1970-01-01',
    '0001-01-01',
    '0001-12-31 BC',
    '4714-11-24 BC',
    '10000-01-01',
    '5874897-12-31',
    'infinity',
    '-infinity',
  ],
  time: ['00:00:00', '09:30:00.000001', '23:59:59.999999', '24:00:00'],
  timestamp: instants,
  timestampText: [
    '2024-02-29 00:00:00',
    '2024-03-31 02:30:00.123456',
    '0044-03-15 12:00:00 BC',
    '294276-12-31 23:59:59.999999',
    'infinity',
    '-infinity',
  ],
  millis: instants,
  micros: instants,
  infinite: [...instants, Infinity, -Infinity],
  interval: ['00:00:00', '1 year 2 mons -3 days +04:05:06.789', '-178000000 years', '30 days'],
  bytes: [
    Buffer.from([]),
    Buffer.from([0]),
    Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
    Buffer.from('\\x00\\\\'),
  ],
  json: documents,
  jsonb: documents,
  inet: ['0.0.0.0', '255.255.255.255', '10.0.0.0/8', '0.0.0.0/0', '::', '2001:db8::/32', '::1'],
  mood: labels,
  texts: [[], [null], ['NULL', null, 'null'], [''], [...hostileTexts]],
  integers: [[], [0], [-2147483648, 2147483647], Array.from({ length: 1000 }, (_, item) => item)],
  matrix: [
    [],
    [[1]],
    [[1], [2]],
    [
      [1, null, 3],
      [4, 5, 6],
    ],
  ],
  instants: [[], [...instants, Infinity, -Infinity]],
  moods: [[], ['NULL'], [...labels]],
  documents: [[], [{}], ['NULL', [], '{}', { list: [1, null] }], [deep, hostileTexts]],
  blobs: [[], [Buffer.from([])], [Buffer.from('NULL'), Buffer.from([0, 92, 34, 255])]],
  point: [new Point(0, 0), new Point(-1.5, 1e300), new Point(0.1, 5e-324)],
}

/** Of some types values of that many characters. */
export function huge(length: number): { readonly [Name in TypeName]?: readonly ValueOf<Name>[] } {
  const long = ['x', '\\', '"', '👩'].map((part) => part.repeat(length / part.length))
  return {
    text: long,
    bytes: [Buffer.alloc(length, '\\')],
    texts: [long.slice(0, 2)],
    jsonb: [long],
  }
}

/** Of each type one value, the first one. */
export function plainValues(): { [Name in TypeName]: ValueOf<Name> } {
  return Object.fromEntries(
    Object.entries(hostile).map(([name, [value]]) => [name, value]),
  ) as never
}
