import { canonicalDecimal } from './decimal.ts'
import { asJson, objectOf, ownMember, sameTree } from './json-tree.ts'
import { UnwritableError } from './unreadable.ts'

/*
 * Numbers of JSON that a JavaScript number cannot hold (18446744073709551615, 1e400) or would write
 * otherwise (1.0) are written back with the digits that PostgreSQL has, where nobody touched them.
 */

/** What TypeScript does not know of JSON yet. */
interface ExactJson {
  parse(
    text: string,
    reviver: (
      this: object,
      key: string,
      value: unknown,
      context: { readonly source?: string },
    ) => unknown,
  ): unknown
  rawJSON(text: string): unknown
  isRawJSON(value: unknown): boolean
}
const exactJson = JSON as unknown as ExactJson

// Most documents have no such number. A match inside a string costs time only.
const suspicious = /\d{16}|\d[.eE]|-0/

/** Stored numbers that are one and the same in JavaScript. */
interface Alike {
  count: number
  readonly sources: Set<string>
}

interface StoredDocument {
  /** Holds the tree under the key ''. */
  readonly root: object
  /** The digits of the numbers that JavaScript would write otherwise. */
  readonly sources: ReadonlyMap<object, ReadonlyMap<string, string>>
  /** By what JavaScript makes of them: all numbers that are the same there as one that loses digits. */
  readonly alike: ReadonlyMap<number, Alike>
}

/** Where a value was in the stored document. */
interface Place {
  readonly holder: object
  readonly key: string
}

/** Where a value is now, and where it was. */
interface Position {
  readonly path: string
  readonly place: Place | undefined
  readonly isInArray: boolean
  /** Whether items of an array around it may have changed their places. */
  readonly hasMoved: boolean
}

/**
 * The value as a tree for `JSON.stringify` that writes the stored digits of numbers nobody touched;
 * undefined where the stored text has no number that needs it.
 *
 * @throws UnwritableError where several stored numbers look alike in JavaScript and have moved
 */
export function keepNumbers(
  value: unknown,
  stored: string,
): { readonly tree: unknown } | undefined {
  if (!suspicious.test(stored)) return undefined
  const document = readDocument(stored)
  if (document.sources.size === 0) return undefined
  const keeper = new NumberKeeper(document)
  const tree = keeper.copy(value, '', {
    path: '$',
    place: { holder: document.root, key: '' },
    isInArray: false,
    hasMoved: false,
  })
  keeper.requireAllKept()
  return { tree }
}

function readDocument(text: string): StoredDocument {
  const sources = new Map<object, Map<string, string>>()
  const alike = new Map<number, Alike>()
  const rounded = new Set<number>()
  const tree = exactJson.parse(text, function (key, value, { source }) {
    if (typeof value !== 'number' || source === undefined) return value
    const others = alike.get(value) ?? { count: 0, sources: new Set<string>() }
    others.count += 1
    others.sources.add(source)
    alike.set(value, others)
    if (source === String(value)) return value
    const ofHolder = sources.get(this) ?? new Map<string, string>()
    sources.set(this, ofHolder.set(key, source))
    if (losesDigits(source, value)) rounded.add(value)
    return value
  })
  for (const value of alike.keys()) if (!rounded.has(value)) alike.delete(value)
  return { root: { '': tree }, sources, alike }
}

function losesDigits(source: string, value: number): boolean {
  return canonicalDecimal(source) !== canonicalDecimal(String(value))
}

class NumberKeeper {
  readonly #document: StoredDocument
  /** Of numbers that look like another one: how many were found where they were, and one path in an array. */
  readonly #kept = new Map<number, { count: number; path: string | undefined }>()

  constructor(document: StoredDocument) {
    this.#document = document
  }

  copy(given: unknown, key: string, position: Position): unknown {
    const value = asJson(given, key)
    if (typeof value === 'number') return this.#number(value, position)
    if (typeof value !== 'object' || value === null || exactJson.isRawJSON(value)) return value
    const { place } = position
    const stored = place && objectOf(ownMember(place.holder, place.key))
    if (Array.isArray(value)) return this.#array(value, stored, position)
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        name,
        this.copy(item, name, {
          ...position,
          path: `${position.path}${/^[\w$]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`}`,
          place: stored && { holder: stored, key: name },
        }),
      ]),
    )
  }

  /** Refuses numbers that look alike where one of them, in an array, was found in its place and another was not. */
  requireAllKept(): void {
    for (const [value, { count, path }] of this.#kept) {
      if (path !== undefined && count !== this.#document.alike.get(value)?.count)
        throw cannotTell(path)
    }
  }

  #array(value: readonly unknown[], stored: object | undefined, position: Position): unknown[] {
    const before: readonly unknown[] = Array.isArray(stored) ? stored : []
    const placeOf = alignment(value, before)
    const hasMoved = position.hasMoved || hasSeveralChanges(value, before)
    return value.map((item, index) => {
      const at = placeOf(index)
      return this.copy(item, String(index), {
        path: `${position.path}[${index}]`,
        place: at === undefined ? undefined : { holder: before, key: String(at) },
        isInArray: true,
        hasMoved,
      })
    })
  }

  #number(value: number, position: Position): unknown {
    const { place, path } = position
    const isInPlace = place !== undefined && Object.is(ownMember(place.holder, place.key), value)
    const source = isInPlace
      ? this.#document.sources.get(place.holder)?.get(place.key)
      : this.#movedSource(value, path)
    if (isInPlace) this.#count(value, position)
    if (source === undefined) return requireFinite(value, path)
    return exactJson.rawJSON(source)
  }

  /** The digits of a number that is somewhere else now; undefined where no stored one is rounded to it. */
  #movedSource(value: number, path: string): string | undefined {
    // Zero is more likely to be new than to be a stored 1e-400.
    const candidates = value === 0 ? undefined : this.#document.alike.get(value)?.sources
    if (candidates === undefined) return undefined
    if (candidates.size > 1) throw cannotTell(path)
    const [source] = candidates
    return source
  }

  #count(value: number, { path, isInArray, hasMoved }: Position): void {
    if ((this.#document.alike.get(value)?.sources.size ?? 0) < 2) return
    if (hasMoved) throw cannotTell(path)
    const { count, path: known } = this.#kept.get(value) ?? { count: 0, path: undefined }
    this.#kept.set(value, { count: count + 1, path: known ?? (isInArray ? path : undefined) })
  }
}

/** Finds the stored index of an item: items that are the same at both ends stay, and those between where the length did. */
function alignment(
  now: readonly unknown[],
  before: readonly unknown[],
): (index: number) => number | undefined {
  const shorter = Math.min(now.length, before.length)
  let start = 0
  while (start < shorter && sameTree(now[start], before[start])) start += 1
  let end = 0
  while (end < shorter - start && sameTree(now.at(-1 - end), before.at(-1 - end))) end += 1
  const shift = before.length - now.length
  return (index) => {
    if (index < start) return index
    if (index >= now.length - end) return index + shift
    return shift === 0 ? index : undefined
  }
}

function hasSeveralChanges(now: readonly unknown[], before: readonly unknown[]): boolean {
  if (now.length !== before.length) return true
  return now.filter((item, index) => !sameTree(item, before[index])).length > 1
}

function requireFinite(value: number, path: string): number {
  if (Number.isFinite(value)) return value
  throw new UnwritableError(`expected numbers that JSON can hold, got ${value} at ${path}`)
}

function cannotTell(path: string): UnwritableError {
  return new UnwritableError(
    `has several numbers that JavaScript rounds to the one at ${path}, and after this change it cannot ` +
      'be told which of them that one is; change the document with SQL, for example with jsonb_set()',
    'DATA_BRIDGE_ERR_FLUSH',
  )
}
