import { stateOf } from '../entity/entity-state.ts'
import { type Identity, identityOfKey, keptThere, keyNow, textsOfKey } from '../entity/identity.ts'
import { valueOf } from '../entity/property.ts'
import type { ColumnMetadata, RelationMetadata } from '../schema/metadata.ts'
import type { ColumnPair } from '../schema/relation-metadata.ts'
import { isUnchanged } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import type { KeyTexts } from './keys.ts'
import { nearPairs } from './side.ts'

/** The columns of the owners that a relation begins with, and the keys in them. */
export class Near {
  readonly #pairs: readonly ColumnPair[]
  readonly #columns: readonly ColumnMetadata[]
  readonly #far: readonly ColumnMetadata[]
  readonly #primaryKey: readonly ColumnMetadata[]
  /** Which of the pairs hold the primary key of the target, in its order; undefined if it is referred to by other columns. */
  readonly #keyPlaces: readonly number[] | undefined

  constructor(relation: RelationMetadata) {
    this.#pairs = nearPairs(relation)
    this.#columns = this.#pairs.map(([local]) => local)
    this.#far = this.#pairs.map(([, remote]) => remote)
    this.#primaryKey = relation.target.primaryKey
    this.#keyPlaces = keyPlaces(relation)
  }

  /** Whether the owners hold the primary key of the target. */
  get refersByKey(): boolean {
    return this.#keyPlaces !== undefined
  }

  /** What is kept of the key of an owner; undefined if the owner has none. */
  keyOf(owner: object): Row | undefined {
    return keyNow(owner, this.#columns) ?? undefined
  }

  textsOf(key: Row): KeyTexts {
    return textsOfKey(this.#columns, key)
  }

  /** The key of an owner as the far side keeps it; undefined if the owner has none. */
  identityOf(owner: object): Identity | undefined {
    const key = this.keyOf(owner)
    return key && this.identityOfKey(key)
  }

  /** The same of a row of the owner's table. */
  identityIn(row: Row): Identity | undefined {
    const key = this.#columns.map(({ position }) => row[position] as Primitive)
    return key.includes(null) ? undefined : this.identityOfKey(key)
  }

  identityOfKey(key: Row): Identity {
    const [only, another] = this.#pairs
    if (only !== undefined && another === undefined) return keptThere(only, key[0] as Primitive)
    return identityOfKey(
      this.#far,
      this.#pairs.map((pair, index) => keptThere(pair, key[index] as Primitive)),
    )
  }

  /** The primary key of the target that an owner refers to; undefined if it refers to none, or by other columns. */
  targetOf(owner: object): Identity | undefined {
    if (this.#keyPlaces === undefined) return undefined
    const key = this.keyOf(owner)
    return key && this.targetOfKey(key)
  }

  targetOfKey(key: Row): Identity | undefined {
    const parts = this.#keyPlaces?.map((place) =>
      keptThere(this.#pairs[place] as ColumnPair, key[place] as Primitive),
    )
    return parts && identityOfKey(this.#primaryKey, parts)
  }

  /** Whether an owner still has a key that it had. */
  hasKey(owner: object, identity: Identity | undefined): boolean {
    try {
      const now = this.identityOf(owner)
      // As a Map compares its keys.
      return now === identity || (Number.isNaN(now) && Number.isNaN(identity))
    } catch {
      return false // the program has set something that is no value of the column
    }
  }

  /** Whether the key of an owner is that of its row. A key that the program has set may be refused by PostgreSQL. */
  hasStoredKey(owner: object): boolean {
    const { snapshot } = stateOf(owner)
    try {
      return this.#columns.every((column) =>
        isUnchanged(column, valueOf(owner, column), snapshot?.[column.position] ?? null),
      )
    } catch {
      return false
    }
  }
}

const nears = new WeakMap<RelationMetadata, Near>()

export function nearOf(relation: RelationMetadata): Near {
  let near = nears.get(relation)
  if (near === undefined) nears.set(relation, (near = new Near(relation)))
  return near
}

function keyPlaces({ target, pairs, holdsKey }: RelationMetadata): readonly number[] | undefined {
  const { primaryKey } = target
  if (!holdsKey || pairs.length !== primaryKey.length) return undefined
  const places = primaryKey.map((column) => pairs.findIndex(([, remote]) => remote === column))
  return places.includes(-1) ? undefined : places
}
