import { type Identity, identityOfKey, keptThere, keyNow } from '../entity/identity.ts'
import type { ColumnMetadata, RelationMetadata } from '../schema/metadata.ts'
import type { ColumnPair } from '../schema/relation-metadata.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { nearPairs } from './side.ts'

/** The columns of the owners that a relation begins with. */
export class Near {
  readonly pairs: readonly ColumnPair[]
  readonly columns: readonly ColumnMetadata[]
  readonly #far: readonly ColumnMetadata[]

  constructor(relation: RelationMetadata) {
    this.pairs = nearPairs(relation)
    this.columns = this.pairs.map(([local]) => local)
    this.#far = this.pairs.map(([, remote]) => remote)
  }

  /** The key of an owner as the far side keeps it; undefined if the owner has none. */
  identityOf(owner: object): Identity | undefined {
    const key = keyNow(owner, this.columns)
    return key === null || key === undefined ? undefined : this.identityOfKey(key)
  }

  /** The same of a row of the owner's table. */
  identityIn(row: Row): Identity | undefined {
    const key = this.columns.map(({ position }) => row[position] as Primitive)
    return key.includes(null) ? undefined : this.identityOfKey(key)
  }

  identityOfKey(key: Row): Identity {
    const [only] = this.pairs
    if (this.pairs.length === 1 && only !== undefined) return keptThere(only, key[0] as Primitive)
    return identityOfKey(
      this.#far,
      this.pairs.map((pair, index) => keptThere(pair, key[index] as Primitive)),
    )
  }
}

/** Compares as a Map compares its keys. */
export function isSameKey(one: unknown, other: unknown): boolean {
  return one === other || (Number.isNaN(one) && Number.isNaN(other))
}
