import type { ColumnDecoder, Primitive } from './wire-form.ts'

/** A primitive that is not NULL. */
export type Kept = Exclude<Primitive, null>

/**
 * How a snapshot keeps the values of a type: as the value itself, as the microseconds of an instant, or
 * as PostgreSQL's text where the value is another object or less exact than the text.
 */
export interface Keep extends ColumnDecoder {
  /** Equal values of two types of one form are the same primitive. */
  readonly form: 'text' | 'number' | 'bigint' | 'boolean' | 'instant' | 'local instant'
  /**
   * `same`: the primitive is the value, and `===` compares them. `value`: the primitive is the value.
   * `date`: a number is the microseconds since 1970 of a Date.
   */
  readonly how: 'same' | 'value' | 'date' | 'text'
  readonly fromText: (text: string) => Kept
  /** The primitive of a value that the type accepts, where PostgreSQL stores the value as it is. */
  readonly fromValue: (value: never) => Kept
  /** The JavaScript value. Each call gives a new object. */
  readonly toValue: (kept: Kept) => unknown
  /** PostgreSQL's text. */
  readonly toText: (kept: Kept) => string
  /** Whether a value of any type is still equal to the primitive. */
  readonly isSame: (value: unknown, kept: Kept) => boolean
}

/** The parts of a type that decide how it is kept. */
interface Codec {
  readonly encode: (value: never) => string
  readonly decode: (text: string) => unknown
  readonly isSame: (value: unknown, text: string) => boolean
}

const asText = (kept: Kept): string => kept as string
const asIs = <T>(kept: T): T => kept

/** Keeps PostgreSQL's text: of a value that is an object, or less exact. */
export function keepText({ encode, decode, isSame }: Codec): Keep {
  return Object.freeze({
    form: 'text',
    how: 'text',
    fromText: asIs,
    fromValue: encode,
    toValue: (kept) => decode(kept as string),
    toText: asText,
    isSame: (value, kept) => isSame(value, kept as string),
  } satisfies Keep)
}

/** Keeps a value that is PostgreSQL's text. Several texts may be the same value. */
export function keepString({ encode, decode, isSame }: Codec, more: Partial<Keep> = {}): Keep {
  return Object.freeze<Keep>({
    form: 'text',
    how: 'value',
    fromText: decode as (text: string) => string,
    fromValue: encode,
    toValue: asIs,
    toText: asText,
    isSame: (value, kept) => isSame(value, kept as string),
    ...more,
  })
}

/** Keeps a number, a boolean or a bigint: the value itself, compared with `===`. */
export function keepValue<T extends Kept>(
  form: Keep['form'],
  { encode, decode }: Omit<Codec, 'isSame'>,
  more: Partial<Keep> = {},
): Keep {
  return Object.freeze<Keep>({
    form,
    how: 'same',
    fromText: decode as (text: string) => T,
    fromValue: asIs,
    toValue: asIs,
    toText: encode as (kept: Kept) => string,
    isSame: (value, kept) => value === kept,
    ...more,
  })
}
