import type {
  BinaryFormat,
  ColumnDecoder,
  Primitive,
  Row,
  RowDecoder,
} from '../../../../orm/schema/wire-form.ts'

/** A decoder of some columns. Its error names the column, and the columns before it. */
export function decoderOf(...columns: readonly ColumnDecoder[]): RowDecoder {
  return {
    columns,
    explain: (cause, column, row: Row) =>
      new Error(`column ${column} behind ${JSON.stringify(row)}`, { cause }),
  }
}

export interface TestColumn extends ColumnDecoder {
  readonly type: string
}

function column(
  type: string,
  fromText: (text: string) => Primitive,
  oid?: number,
  read?: BinaryFormat['read'],
): TestColumn {
  if (oid === undefined || read === undefined) return { type, fromText }
  return { type, fromText, binary: { ...reading(oid, read), read } }
}

// Only reading is of interest here.
function reading(oid: number, read: BinaryFormat['read']): BinaryFormat {
  return { oid, arrayOid: 0, read, sizeOf: () => 0, write: (_, __, at) => at }
}

export const text: TestColumn = column('text', (value) => value)

const epoch = Date.UTC(2000, 0, 1)

export const binaries: readonly TestColumn[] = [
  column('int2', Number, 21, (bytes, at) => bytes.readInt16BE(at)),
  column('int4', Number, 23, (bytes, at) => bytes.readInt32BE(at)),
  column('int8', BigInt, 20, (bytes, at) => bytes.readBigInt64BE(at)),
  column(
    'bool',
    (value) => value === 't',
    16,
    (bytes, at) => bytes[at] === 1,
  ),
  column('float8', Number, 701, (bytes, at) => bytes.readDoubleBE(at)),
  column(
    'uuid',
    (value) => value.replaceAll('-', ''),
    2950,
    (bytes, at, length) => bytes.toString('hex', at, at + length),
  ),
  column(
    'bytea',
    (value) => value.slice(2),
    17,
    (bytes, at, length) => bytes.toString('hex', at, at + length),
  ),
  column(
    'varchar',
    (value) => value,
    1043,
    (bytes, at, length) => bytes.toString('utf8', at, at + length),
  ),
  column(
    'timestamptz',
    (value) => Date.parse(value),
    1184,
    (bytes, at) => Number(bytes.readBigInt64BE(at) / 1000n) + epoch,
  ),
]

/** Values of the types above. */
export const samples: Readonly<Record<string, readonly string[]>> = {
  text: ['', 'plain', 'tëxt €', '😀'],
  int2: ['0', '-32768', '32767'],
  int4: ['0', '-2147483648', '2147483647', '305419896'],
  int8: ['0', '-9223372036854775808', '9223372036854775807'],
  bool: ['true', 'false'],
  float8: ['0', '1.5', '-1e300', 'Infinity', 'NaN', '0.1'],
  uuid: ['00000000-0000-0000-0000-000000000000', '01234567-89ab-cdef-0123-456789abcdef'],
  bytea: ['\\x', '\\x00ff10'],
  varchar: ['', 'plain', 'tëxt €', '😀'],
  timestamptz: ['2024-02-29 12:30:00.25+00', '1970-01-01 00:00:00+00', '2000-01-01 00:00:00+00'],
}
