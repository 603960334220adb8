import { stateOf } from '../entity/entity-state.ts'
import { type Identity, identityOfKey, keptThere, keyNow } from '../entity/identity.ts'
import { valueOf } from '../entity/property.ts'
import type { ColumnMetadata, RelationMetadata } from '../schema/metadata.ts'
import type { ColumnPair } from '../schema/relation-metadata.ts'
import { isUnchanged } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { nearPairs } from './side.ts'

/** The columns of the owners that a relation begins with. */
export class Near {
  readonly pairs: readonly ColumnPair[]
  readonly columns: readonly ColumnMetadata[]
  readonly #relation: RelationMetadata
  readonly #far: readonly ColumnMetadata[]

  constructor(relation: RelationMetadata) {
    this.#relation = relation
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

  /** The primary key of the target that a key of the owner refers to; undefined if it refers by other columns. */
  targetOf(key: Row): Identity | undefined {
    const { target } = this.#relation
    const pairs = keyPairs(this.#relation)
    if (pairs === undefined) return undefined
    const parts = pairs.map((pair) => keptThere(pair, key[this.pairs.indexOf(pair)] as Primitive))
    return identityOfKey(target.primaryKey, parts)
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
      return this.columns.every((column) =>
        isUnchanged(column, valueOf(owner, column), snapshot?.[column.position] ?? null),
      )
    } catch {
      return false
    }
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

const pairsOfKeys = new WeakMap<RelationMetadata, readonly ColumnPair[] | null>()

/**
 * The columns of the owner that hold the primary key of the target, in the order of that key;
 * undefined if the relation does not refer by the primary key.
 */
export function keyPairs(relation: RelationMetadata): readonly ColumnPair[] | undefined {
  let pairs = pairsOfKeys.get(relation)
  if (pairs === undefined) pairsOfKeys.set(relation, (pairs = findKeyPairs(relation)))
  return pairs ?? undefined
}

function findKeyPairs({ target, pairs, holdsKey }: RelationMetadata): readonly ColumnPair[] | null {
  const { primaryKey } = target
  if (!holdsKey || pairs.length !== primaryKey.length) return null
  const found = primaryKey.map((column) => pairs.find(([, remote]) => remote === column))
  return found.includes(undefined) ? null : (found as readonly ColumnPair[])
}
