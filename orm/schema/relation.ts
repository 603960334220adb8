import { DataBridgeError, describe } from '../errors.ts'

/** Any entity class: what {@link table} gives, or a class that extends it. */
// oxlint-disable-next-line typescript/no-explicit-any -- the constructor's parameters are contravariant
export type AnyEntityClass = abstract new (...args: any[]) => any

/**
 * What `new` makes of a class, read off its `prototype`: `InstanceType` would compare the parameters
 * of the constructor too, and with them resolve the relations of one table into the next.
 */
export type EntityOf<C> = C extends { readonly prototype: infer I } ? I : never

export type RelationKind = 'hasMany' | 'belongsTo'

/** What a relation's thunk gives; see {@link hasMany} and {@link belongsTo}. */
export class RelationTo<
  Target extends AnyEntityClass,
  Kind extends RelationKind,
  Key extends string = string,
> {
  readonly kind: Kind
  readonly target: Target
  readonly foreignKey: Key

  constructor(kind: Kind, target: Target, foreignKey: Key) {
    if (typeof target !== 'function') {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_SCHEMA',
        `${kind}() expected an entity class; came ${describe(target)}`,
      )
    }
    this.kind = kind
    this.target = target
    this.foreignKey = foreignKey
    Object.freeze(this)
  }
}

/**
 * Many rows of `target` refer to this one by their property `foreignKey`.
 *
 * Written as a thunk **as the property** (`posts: () => hasMany(Post, 'authorId')`): only so do
 * entities that refer to each other type-check.
 */
export function hasMany<Target extends AnyEntityClass>(
  target: Target,
  foreignKey: keyof EntityOf<Target> & string,
): RelationTo<Target, 'hasMany'> {
  return new RelationTo('hasMany', target, foreignKey)
}

/**
 * This row refers to one of `target` by its own property `foreignKey`. The relation is as nullable
 * as that column. Written as a thunk: `author: () => belongsTo(User, 'authorId')`.
 */
export function belongsTo<Target extends AnyEntityClass, const Key extends string>(
  target: Target,
  foreignKey: Key,
): RelationTo<Target, 'belongsTo', Key> {
  return new RelationTo('belongsTo', target, foreignKey)
}
