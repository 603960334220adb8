import { describe } from '../errors.ts'
import { listed } from '../util/messages.ts'
import { Column, columnOf, type ColumnSpec } from './column.ts'
import { requireIdentifier } from './names.ts'
import { arrayType } from './types/arrays.ts'
import { type CustomType, customTypeOf } from './types/custom.ts'
import { enumerationType } from './types/enumerations.ts'
import { jsonbType, jsonType } from './types/json.ts'
import { columnOptions } from './types/options.ts'
import { schemaError } from './schema-error.ts'

/**
 * A `jsonb` column: any value that JSON can hold; changes inside it are seen at the next flush.
 *
 * Numbers with more digits than a JavaScript number holds are read rounded. Where the program does not
 * touch them, their digits stay in the database, whatever else it changes in the document. Where it
 * moves several of them that look alike in JavaScript, the flush fails with `DATA_BRIDGE_ERR_FLUSH`.
 *
 * @example
 * ```ts
 * import { integer, jsonb, table } from 'fastify-data-bridge/orm'
 *
 * export class Setting extends table('settings', {
 *   id: integer().primaryKey().generated(),
 *   value: jsonb<{ theme: 'dark' | 'light' }>(),
 * }) {}
 * ```
 */
export function jsonb<T = unknown>(name?: string): Column<T> {
  return columnOf(jsonbType, name)
}

/** A `json` column: like {@link jsonb}, but PostgreSQL keeps the order of keys, and cannot compare documents. */
export function json<T = unknown>(name?: string): Column<T> {
  return columnOf(jsonType, name)
}

/** Options of {@link enumeration}. */
export interface EnumerationOptions {
  /** The name of the column. */
  readonly name?: string
  /** The schema that has the type. Default: the first one of the search path. */
  readonly schema?: string
}

/**
 * A column of an enum type of PostgreSQL: one of its labels. `type` is the name of the type, which
 * `createSchema()` creates.
 *
 * Writing another label is a `DATA_BRIDGE_ERR_INVALID_VALUE` (400). A label that the type has in the
 * database only is read as it is, so that a program works while a migration adds one.
 *
 * @example
 * ```ts
 * import { enumeration, integer, table } from 'fastify-data-bridge/orm'
 *
 * export class Person extends table('people', {
 *   id: integer().primaryKey().generated(),
 *   mood: enumeration('mood', ['ok', 'sad']).default('ok'),
 * }) {}
 * ```
 */
export function enumeration<const Values extends readonly [string, ...string[]]>(
  type: string,
  values: Values,
  options?: EnumerationOptions,
): Column<Values[number]> {
  requireIdentifier('enumeration()', 'a name for the type', type)
  if (type.includes('.')) {
    throw schemaError(
      `enumeration('${type}') expected a name without a dot; name the schema in the options: { schema: '${type.split('.')[0]}' }`,
    )
  }
  const { name, schema } = columnOptions<EnumerationOptions>(
    'enumeration',
    requireObject('enumeration', options),
    ['name', 'schema'],
  )
  if (schema !== undefined) requireIdentifier('enumeration()', 'a name for the schema', schema)
  const labels = requireLabels(type, values)
  return columnOf(enumerationType(Object.freeze({ schema, name: type, values: labels })), name)
}

// The first string is the type's name; a second one would leave open what it names.
function requireObject<Options>(column: string, options: Options): Options {
  if (options === undefined || (typeof options === 'object' && options !== null)) return options
  throw schemaError(`${column}() expected an object of options, got ${describe(options)}`)
}

function requireLabels(type: string, values: unknown): readonly string[] {
  const where = `enumeration('${type}')`
  if (!Array.isArray(values) || values.length === 0)
    throw schemaError(`${where} expected an array of labels, got ${describe(values)}`)
  for (const [index, label] of (values as readonly unknown[]).entries()) {
    requireIdentifier(where, 'each label to be a string', label)
    if (values.indexOf(label) !== index)
      throw schemaError(`${where} has the label ${JSON.stringify(label)} twice`)
  }
  return Object.freeze([...(values as readonly string[])])
}

/**
 * A column of an array: `array(text())` holds a `string[]`; changes inside it are seen at the next flush.
 *
 * Items that may be NULL are declared so: `array(text().nullable())` holds `(string | null)[]`. Several
 * dimensions are nested: `array(array(integer()))` holds a `number[][]` whose inner arrays have one
 * length. The name of the column is the second argument.
 *
 * @example
 * ```ts
 * import { array, integer, table, text } from 'fastify-data-bridge/orm'
 *
 * export class Article extends table('articles', {
 *   id: integer().primaryKey().generated(),
 *   tags: array(text()).default([]),
 *   scores: array(integer().nullable(), 'legacy_scores'),
 * }) {}
 * ```
 */
export function array<T>(of: Column<T, boolean, boolean>, name?: string): Column<T[]> {
  if (!(of instanceof Column))
    throw schemaError(`array() expected a column such as text(), got ${describe(of)}`)
  const { type, nullable } = of.spec
  const misplaced = misplacedIn(of.spec)
  if (misplaced.length > 0) {
    throw schemaError(
      `array() takes the type of its items and whether they are nullable; say ${listed(misplaced)} of the array`,
    )
  }
  if (nullable && type.items !== undefined)
    throw schemaError('array() of arrays: PostgreSQL has no NULL in the place of an inner array')
  if (name !== undefined) requireIdentifier('array()', 'a name for the column', name)
  return columnOf(arrayType(type, nullable), name)
}

function misplacedIn(spec: ColumnSpec): string[] {
  const said: Readonly<Record<string, boolean>> = {
    'the name': spec.name !== undefined,
    'primaryKey()': spec.primaryKey,
    'generated()': spec.generated,
    'unique()': spec.unique,
    'hidden()': spec.hidden,
    'deferred()': spec.deferred,
    'default()': spec.default !== undefined,
    'onUpdate()': spec.onUpdate !== undefined,
    'references()': spec.references !== undefined,
  }
  return Object.keys(said).filter((what) => said[what])
}

/**
 * A column of a type that this library has no function for. The second argument is its name.
 *
 * @example
 * ```ts
 * import { custom, type CustomType, integer, table } from 'fastify-data-bridge/orm'
 *
 * interface Point {
 *   readonly x: number
 *   readonly y: number
 * }
 *
 * const point: CustomType<Point> = {
 *   sql: 'point',
 *   isComparable: false,
 *   decode: (text) => {
 *     const [x, y] = text.slice(1, -1).split(',').map(Number)
 *     if (x === undefined || y === undefined) throw new Error('no point')
 *     return { x, y }
 *   },
 *   encode: ({ x, y }) => `(${x},${y})`,
 * }
 *
 * export class Shop extends table('shops', {
 *   id: integer().primaryKey().generated(),
 *   place: custom(point),
 * }) {}
 * ```
 */
export function custom<T>(type: CustomType<T>, name?: string): Column<T> {
  requireCustomType(type)
  if (name !== undefined) requireIdentifier('custom()', 'a name for the column', name)
  return columnOf(customTypeOf(type as CustomType<unknown>), name)
}

const customMembers: Readonly<
  Record<keyof CustomType<unknown>, 'string' | 'boolean' | 'function'>
> = {
  sql: 'string',
  cast: 'string',
  kind: 'string',
  expected: 'string',
  extension: 'string',
  isComparable: 'boolean',
  hasExactText: 'boolean',
  isText: 'boolean',
  decode: 'function',
  encode: 'function',
  isType: 'function',
  accepts: 'function',
  isSame: 'function',
  decodeSum: 'function',
}

function requireCustomType(type: unknown): void {
  if (typeof type !== 'object' || type === null)
    throw schemaError(
      `custom() expected an object with sql, decode and encode, got ${describe(type)}`,
    )
  const given = type as Readonly<Record<string, unknown>>
  const unknown = Object.keys(given).find((key) => !Object.hasOwn(customMembers, key))
  if (unknown !== undefined)
    throw schemaError(
      `custom() has no option ${unknown}; it has ${listed(Object.keys(customMembers))}`,
    )
  for (const member of ['sql', 'decode', 'encode'])
    if (given[member] === undefined) throw schemaError(`custom() needs ${member}`)
  for (const [member, kind] of Object.entries(customMembers)) {
    const value = given[member]
    if (value === undefined || (typeof value === kind && value !== '')) continue
    throw schemaError(`custom() expected ${member} to be a ${kind}, got ${describe(value)}`)
  }
}
