import { DataBridgeError, describe } from '../errors.ts'
import { BoundColumn } from './column-ref.ts'
import { anyRaw, type Expression, noParameters, parametersOf } from './node.ts'

const toNumber = (text: string | null): unknown => (text === null ? null : Number(text))

/** How many rows, or how many rows where the expression is not NULL. */
export function count(of?: Expression<unknown>): Expression<number> {
  if (of !== undefined) return aggregate('count', of, 'count(', ')', toNumber)
  return {
    shape: 'count(*)',
    parameters: noParameters,
    decode: toNumber,
    write: (writer) => writer.append('count(*)'),
  }
}

/** How many different values. */
export function countDistinct(of: Expression<unknown>): Expression<number> {
  return aggregate('countDistinct', of, 'count(distinct ', ')', toNumber)
}

/** The mean of numbers, those of `numeric()` and `bigint()` columns among them; `null` of no rows. */
export function avg(of: Expression<number | string | null>): Expression<number | null> {
  return aggregate('avg', of, 'avg(', ')::double precision', toNumber)
}

/**
 * The sum; `null` of no rows. Of a number it is a number (exact up to 2^53), of a `numeric()` or
 * `bigint()` column a string.
 */
export function sum<T extends number | string>(of: Expression<T | null>): Expression<T | null> {
  return aggregate('sum', of, 'sum(', ')', isTextual(of) ? (text) => text : toNumber)
}

/** The least value; `null` of no rows. */
export function min<T>(of: Expression<T>): Expression<NonNullable<T> | null> {
  return aggregate('min', of, 'min(', ')', (text, parse) => of.decode(text, parse))
}

/** The greatest value; `null` of no rows. */
export function max<T>(of: Expression<T>): Expression<NonNullable<T> | null> {
  return aggregate('max', of, 'max(', ')', (text, parse) => of.decode(text, parse))
}

function isTextual(of: Expression<unknown>): boolean {
  return of instanceof BoundColumn && typeof of.column.type.decode('1') === 'string'
}

function aggregate<T>(
  name: string,
  of: Expression<unknown>,
  before: string,
  after: string,
  decode: Expression<T>['decode'],
): Expression<T> {
  if (typeof of?.write !== 'function') {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${name}() expected a column such as post.likes; came ${describe(of)}`,
    )
  }
  return {
    shape: `${name}(${of.shape})`,
    parameters: parametersOf([of]),
    isRaw: anyRaw([of]),
    decode,
    write: (writer) => writer.append(before).node(of).append(after),
  }
}
