import { isDeepStrictEqual } from 'node:util'
import type { RelationRef, TableOf } from '../entity/types.ts'
import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnMetadata, RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { relationOf } from '../schema/relation-ref.ts'
import { parametersOf } from '../sql/bind-sink.ts'
import type { Condition, Order } from '../sql/node.ts'
import { narrowed } from '../sql/logic.ts'
import type { Filter, Refs } from '../sql/ref-types.ts'
import { rootSource, type Source } from '../sql/source.ts'
import { conditionsOf, ordersOf, requireCount } from '../sql/callbacks.ts'
import { allRaised, requireOwner, withoutRaise, withRaised } from './raiseload.ts'
import { separate } from './undefer.ts'

/** What `options` needs of a loader. The type checker compares loaders by this interface. */
export interface LoaderOf<in Table> {
  /** For the type checker only. */
  readonly __table: (name: Table) => void
}

/** How a loader loads. */
export type LoadStrategy = 'selectinload' | 'joinedload' | 'countload'

/** The settings of a loader. Immutable. */
export interface LoadPlan {
  readonly strategy: LoadStrategy
  readonly relation: RelationMetadata
  readonly where: Condition | undefined
  readonly orders: readonly Order[]
  /** The largest number of rows for each owner. */
  readonly limit: number | undefined
  readonly nested: readonly LoadPlan[]
  /** The deferred columns of the target to read. */
  readonly undeferred: readonly ColumnMetadata[]
  /** The relations of the loaded entities that are refused to be loaded lazily. */
  readonly raised: readonly RelationMetadata[] | undefined
}

/** Loads a relation together with a query: made by {@link selectinload} or {@link joinedload}. Immutable. */
export class Loader<Table, Target> implements LoaderOf<Table> {
  /** For the type checker only. */
  declare readonly __table: (name: Table) => void
  /** @internal */
  readonly plan: LoadPlan

  /** @internal Made by `selectinload(…)` and its like. */
  constructor(plan: LoadPlan) {
    this.plan = Object.freeze(plan)
    Object.freeze(this)
  }

  /** Also loads relations of the loaded entities: `selectinload(User.posts).options(selectinload(Post.comments))`. */
  options(...loaders: readonly LoaderOf<TableOf<Target>>[]): Loader<Table, Target> {
    const { relation, nested, raised, undeferred } = this.plan
    const where = this.#where('options')
    const { columns, others } = separate(loaders, relation.target, where)
    return this.#with({
      nested: withLoaders(nested, withoutRaise(others), relation.target, where),
      raised: withRaised(raised, others, relation.target, where),
      undeferred: [...undeferred, ...columns],
    })
  }

  /** Loads only rows that match all filters. The relation then has only those rows. */
  filter(...filters: readonly Filter<Target>[]): Loader<Table, Target> {
    const { where } = this.plan
    const added = filters.flatMap((filter) =>
      conditionsOf(this.#source, filter, this.#where('filter')),
    )
    if (added.length === 0) return this
    return this.#with({ where: narrowed(where, ...added) })
  }

  /** Sets the order of the rows of each owner. Default: the primary key. */
  orderBy(by: (row: Refs<Target>) => Order | readonly Order[]): Loader<Table, Target> {
    this.#requireMany('orderBy')
    return this.#with({ orders: ordersOf(this.#source, by, this.#where('orderBy')) })
  }

  /** Loads at most `perParent` rows for each owner. */
  limit(perParent: number): Loader<Table, Target> {
    this.#requireMany('limit')
    return this.#with({ limit: requireCount(perParent, this.#where('limit')) })
  }

  get #source(): Source {
    return rootSource(this.plan.relation.target)
  }

  #requireMany(method: string): void {
    if (this.plan.relation.cardinality === 'many') return
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${this.#where(method)} expected a relation to many rows; this one leads to one row`,
    )
  }

  #where(method: string): string {
    const { strategy, relation } = this.plan
    return `${strategy}(${relation.owner.entityName}.${relation.name}).${method}()`
  }

  #with(change: Partial<LoadPlan>): Loader<Table, Target> {
    return new Loader({ ...this.plan, ...change })
  }
}

/** Counts the rows behind a relation: made by {@link countload}. It has no filter: the count is that of the whole relation. */
export class CountLoader<Table> implements LoaderOf<Table> {
  /** For the type checker only. */
  declare readonly __table: (name: Table) => void
  /** @internal */
  readonly plan: LoadPlan

  /** @internal Made by `countload(…)`. */
  constructor(plan: LoadPlan) {
    this.plan = Object.freeze(plan)
    Object.freeze(this)
  }
}

/**
 * Loads a relation of all entities of a query with one more statement. Loaders side by side are sent together, in
 * one round trip for each level of nesting.
 *
 * @example
 * ```ts
 * import { type Session, selectinload } from 'fastify-data-bridge/orm'
 * import { Post, User } from './entities.ts'
 *
 * export function usersWithPosts(session: Session): Promise<User[]> {
 *   return session.find(User)
 *     .options(selectinload(User.posts).options(selectinload(Post.comments)))
 *     .toList()
 * }
 * ```
 */
export function selectinload<Table, Target>(
  relation: RelationRef<Table, Target>,
): Loader<Table, Target> {
  return new Loader(planFor(relation, 'selectinload'))
}

/**
 * Loads a relation with the statement of the query itself, by a join. The limit of the query still counts its own
 * rows, and a lock is only on these. Several lists side by side do not multiply each other. Each row repeats what is
 * joined to it, so {@link selectinload} is the better choice for long lists of wide rows. PostgreSQL compares the columns
 * of the two tables with each other: a foreign key of another type than the key, such as text for citext, may match
 * fewer rows.
 *
 * @example
 * ```ts
 * import { joinedload, type Session } from 'fastify-data-bridge/orm'
 * import { Post } from './entities.ts'
 *
 * export function newestWithAuthors(session: Session): Promise<Post[]> {
 *   return session.find(Post)
 *     .options(joinedload(Post.author))
 *     .orderBy((post) => post.id.desc())
 *     .limit(10)
 *     .toList()
 * }
 * ```
 */
export function joinedload<Table, Target>(
  relation: RelationRef<Table, Target>,
): Loader<Table, Target> {
  return new Loader(planFor(relation, 'joinedload'))
}

/**
 * Counts the rows behind a relation of all entities of a query with one more statement. `count()` and `exists()` of
 * the relation then send none, until the session writes anything or rolls back to a savepoint.
 *
 * @example
 * ```ts
 * import { countload, type Session } from 'fastify-data-bridge/orm'
 * import { User } from './entities.ts'
 *
 * export async function postCounts(session: Session): Promise<Record<string, number>> {
 *   const counts: Record<string, number> = {}
 *   for (const user of await session.find(User).options(countload(User.posts)).toList())
 *     counts[user.name] = await user.posts.count()
 *   return counts
 * }
 * ```
 */
export function countload<Table, Target>(relation: RelationRef<Table, Target>): CountLoader<Table> {
  const plan = planFor(relation, 'countload')
  const { owner, name, cardinality } = plan.relation
  if (cardinality === 'many') return new CountLoader(plan)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `countload(${owner.entityName}.${name}) expected a relation to many rows; this one leads to one row`,
  )
}

function planFor(relation: unknown, strategy: LoadStrategy): LoadPlan {
  return wholePlan(relationOf(relation, `${strategy}()`), strategy)
}

/** Loads all rows behind a relation, and nothing below them. */
export function wholePlan(relation: RelationMetadata, strategy: LoadStrategy): LoadPlan {
  return {
    strategy,
    relation,
    where: undefined,
    orders: [],
    limit: undefined,
    nested: [],
    undeferred: [],
    raised: undefined,
  }
}

/** The plans with those of more loaders. Refuses values that are not loaders, and loaders of another entity. */
export function withLoaders(
  plans: readonly LoadPlan[],
  loaders: readonly unknown[],
  table: TableMetadata,
  where: string,
): readonly LoadPlan[] {
  return merged([...plans, ...loaders.map((loader) => planOf(loader, table, where))], where)
}

function planOf(loader: unknown, table: TableMetadata, where: string): LoadPlan {
  if (!(loader instanceof Loader) && !(loader instanceof CountLoader)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where} expected loaders such as selectinload(…), got ${describe(loader)}`,
    )
  }
  const plan: LoadPlan = loader.plan
  requireOwner(plan.relation, table, where)
  return plan
}

/**
 * Merges loaders of one relation, with all their nested loaders. They have to choose the same rows. The last one
 * decides how.
 */
function merged(plans: readonly LoadPlan[], where: string): readonly LoadPlan[] {
  const byRelation = new Map<RelationMetadata, LoadPlan>()
  const counts = new Map<RelationMetadata, LoadPlan>()
  for (const plan of plans) {
    if (plan.strategy === 'countload') {
      counts.set(plan.relation, plan)
      continue
    }
    const other = byRelation.get(plan.relation)
    if (other !== undefined && !isDeepStrictEqual(choiceOf(plan), choiceOf(other)))
      throw twoLoadersError(plan, where)
    const nested = other === undefined ? plan.nested : [...other.nested, ...plan.nested]
    const raised = allRaised(other?.raised, plan.raised)
    const undeferred = [...(other?.undeferred ?? []), ...plan.undeferred]
    byRelation.set(plan.relation, { ...plan, nested: merged(nested, where), raised, undeferred })
  }
  return [...byRelation.values(), ...counts.values()]
}

/** Which rows a loader chooses, as a value that can be compared. */
function choiceOf({ where, orders, limit }: LoadPlan): readonly unknown[] {
  const nodes = where === undefined ? orders : [where, ...orders]
  return [limit, nodes.map((node) => [node.shape, parametersOf(node)])]
}

function twoLoadersError({ relation: { owner, name } }: LoadPlan, where: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected one loader of ${owner.entityName}.${name}; got two that choose other rows of it`,
  )
}
