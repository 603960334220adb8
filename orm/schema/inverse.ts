import type { ColumnPair, Through } from './relation-metadata.ts'
import type { RelationMetadata } from './metadata.ts'

const inverses = new WeakMap<RelationMetadata, readonly RelationMetadata[]>()

/** The relations of the target that lead back over the same columns: `User.posts` is one of `Post.author`. */
export function inversesOf(relation: RelationMetadata): readonly RelationMetadata[] {
  let found = inverses.get(relation)
  if (found === undefined) {
    const others = [...relation.target.relations.values()]
    inverses.set(relation, (found = others.filter((other) => isInverse(relation, other))))
  }
  return found
}

function isInverse(one: RelationMetadata, other: RelationMetadata): boolean {
  if (other.target !== one.owner) return false
  if (one.through === undefined || other.through === undefined)
    return (
      one.through === other.through &&
      one.holdsKey !== other.holdsKey &&
      areFlipped(one.pairs, other.pairs)
    )
  return (
    one.through.table === other.through.table &&
    areFlipped(one.through.from, other.through.to) &&
    areFlipped(one.through.to, other.through.from)
  )
}

const twins = new WeakMap<RelationMetadata, readonly RelationMetadata[]>()

/** The relations of an owner over the same link table and columns, this one included: one relation with several names. */
export function twinsOf(relation: RelationMetadata): readonly RelationMetadata[] {
  let found = twins.get(relation)
  if (found === undefined) {
    const others = [...relation.owner.relations.values()]
    twins.set(relation, (found = others.filter((other) => isTwin(relation.through, other.through))))
  }
  return found
}

function isTwin(one: Through | undefined, other: Through | undefined): boolean {
  return (
    one !== undefined &&
    one.table === other?.table &&
    areSame(one.from, other.from) &&
    areSame(one.to, other.to)
  )
}

function areSame(pairs: readonly ColumnPair[], others: readonly ColumnPair[]): boolean {
  return areFlipped(
    pairs,
    others.map(([from, to]) => [to, from]),
  )
}

function areFlipped(pairs: readonly ColumnPair[], others: readonly ColumnPair[]): boolean {
  return (
    pairs.length === others.length &&
    pairs.every(([local, remote]) => others.some(([from, to]) => from === remote && to === local))
  )
}

const holders = new WeakMap<RelationMetadata, RelationMetadata>()

/**
 * The same relation from the table that holds the foreign key: `Post.author` for `User.posts`. If that side is not
 * declared, it is made, without a name.
 */
export function holderOf(relation: RelationMetadata): RelationMetadata {
  let holder = holders.get(relation)
  if (holder === undefined)
    holders.set(relation, (holder = inversesOf(relation)[0] ?? undeclared(relation)))
  return holder
}

function undeclared({ owner, target, pairs, foreignKey }: RelationMetadata): RelationMetadata {
  return Object.freeze({
    name: '',
    position: -1,
    owner: target,
    target: owner,
    cardinality: 'one',
    holdsKey: true,
    foreignKey,
    pairs: pairs.map(([local, remote]): ColumnPair => [remote, local]),
    through: undefined,
    lazy: undefined,
    withDefaults: true,
  })
}

/** Whether the relation is a property of its owner. */
export function isDeclared({ name }: RelationMetadata): boolean {
  return name !== ''
}

/** Whether a row may have no target: a column of its foreign key is nullable. */
export function isOptional({ foreignKey }: RelationMetadata): boolean {
  return foreignKey.some(({ nullable }) => nullable)
}

/** `Post.author`, or the columns of its foreign key where it has no name. */
export function nameOf({ owner, name, foreignKey }: RelationMetadata): string {
  const columns = foreignKey.map(({ property }) => property).join(', ')
  return `${owner.entityName}.${name === '' ? columns : name}`
}
