import { isDeepStrictEqual } from 'node:util'
import type { RelationRef, TableOf } from '../entity/types.ts'
import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnMetadata, RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { relationOf } from '../schema/relation-ref.ts'
import { parametersOf } from '../sql/bind-sink.ts'
import { type Defaults, noDefaults } from '../sql/defaults.ts'
import type { Condition, Order } from '../sql/node.ts'
import { narrowed } from '../sql/logic.ts'
import type { Filter, Refs } from '../sql/ref-types.ts'
import { rootSource, type Source } from '../sql/source.ts'
import { conditionsOf, ordersOf, requireCount, requireHold } from '../sql/callbacks.ts'
import { RaiseLoader } from './raiseload.ts'
import { requireColumnsOf, Undefer } from './undefer.ts'

/** What `options` needs of a loader. The type checker compares loaders by this interface. */
export interface LoaderOf<in Table> {
  /** For the type checker only. */
  readonly __table: (name: Table) => void
}

/** How a loader loads. */
export type LoadStrategy = 'selectinload' | 'joinedload' | 'countload'

/** What is loaded with entities, and what is refused to be. */
export interface Loading {
  readonly loaders: readonly LoadPlan[]
  /** The deferred columns to read. */
  readonly undeferred: readonly ColumnMetadata[]
  /** The relations that are refused to be loaded lazily. */
  readonly raised: readonly RelationMetadata[] | undefined
}

/** The settings of a loader, and what it loads with its entities. Immutable. */
export interface LoadPlan extends Loading {
  readonly strategy: LoadStrategy
  readonly relation: RelationMetadata
  readonly where: Condition | undefined
  readonly orders: readonly Order[]
  /** The largest number of rows for each owner. */
  readonly limit: number | undefined
  /** Where the statement of the owners reads and locks its rows. */
  readonly locked?: Source | undefined
  /** Whether default filters hold. */
  readonly withDefaults: boolean
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
    const { target } = this.plan.relation
    return this.#with(withLoaders(this.plan, loaders, target, this.#where('options')))
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

  /**
   * Whether default filters hold. With `false` it also loads rows that they hide, as
   * `selectinload(User.posts).withDefaults(false)` loads deleted posts. Loaders below it have their own.
   */
  withDefaults(hold: boolean): Loader<Table, Target> {
    return this.#with({ withDefaults: requireHold(hold, this.#where('withDefaults')) })
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

/** Counts the rows behind a relation: made by {@link countload}. It has no filter of its own: the count is that of the whole relation. */
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

  /** Whether default filters hold. With `false` it also counts rows that they hide. */
  withDefaults(hold: boolean): CountLoader<Table> {
    const { owner, name } = this.plan.relation
    const where = `countload(${owner.entityName}.${name}).withDefaults()`
    return new CountLoader({ ...this.plan, withDefaults: requireHold(hold, where) })
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
 * rows, and a lock is only on these, unless its `of` names the relation. Several lists side by side do not multiply each other. Each row repeats what is
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
  const all = { where: undefined, orders: [], limit: undefined, withDefaults: true }
  return { strategy, relation, ...all, ...noLoading }
}

/** The default filters that hold for the rows of a loader. */
export function defaultsOf(
  { defaults }: { readonly defaults: Defaults },
  { withDefaults }: Pick<LoadPlan, 'withDefaults'>,
): Defaults {
  return withDefaults ? defaults : noDefaults
}

export const noLoading: Loading = Object.freeze({ loaders: [], undeferred: [], raised: undefined })

/** The same with more loaders. Refuses values that are not loaders, and loaders of another entity. */
export function withLoaders(
  { loaders, undeferred, raised }: Loading,
  given: readonly unknown[],
  table: TableMetadata,
  where: string,
): Loading {
  const plans: LoadPlan[] = []
  const columns: ColumnMetadata[] = []
  const refused: RelationMetadata[] = []
  for (const loader of given) {
    requireLoader(loader, table, where)
    if (loader instanceof Undefer) columns.push(...loader.columns)
    else if (loader instanceof RaiseLoader) refused.push(loader.relation)
    else plans.push(loader.plan)
  }
  return {
    loaders: merged([...loaders, ...plans], where),
    undeferred: [...undeferred, ...columns],
    raised: allRaised(raised, refused),
  }
}

type AnyLoader =
  | Loader<unknown, unknown>
  | CountLoader<unknown>
  | RaiseLoader<unknown>
  | Undefer<unknown>

function requireLoader(
  loader: unknown,
  table: TableMetadata,
  where: string,
): asserts loader is AnyLoader {
  if (loader instanceof Undefer) return requireColumnsOf(loader, table, where)
  if (loader instanceof RaiseLoader) return requireOwner(loader.relation, table, where)
  if (loader instanceof Loader || loader instanceof CountLoader)
    return requireOwner(loader.plan.relation, table, where)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected loaders such as selectinload(…), got ${describe(loader)}`,
  )
}

/** Refuses a loader of another entity. */
function requireOwner(
  { owner, name }: RelationMetadata,
  table: TableMetadata,
  where: string,
): void {
  if (owner === table) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected a loader of ${table.entityName}, got one of ${owner.entityName}.${name}`,
  )
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
    const loaders = other === undefined ? plan.loaders : [...other.loaders, ...plan.loaders]
    const raised = allRaised(other?.raised, plan.raised)
    const undeferred = [...(other?.undeferred ?? []), ...plan.undeferred]
    byRelation.set(plan.relation, { ...plan, loaders: merged(loaders, where), raised, undeferred })
  }
  return [...byRelation.values(), ...counts.values()]
}

/** The relations of both; undefined if there are none. */
function allRaised(
  raised: readonly RelationMetadata[] | undefined,
  added: readonly RelationMetadata[] | undefined,
): readonly RelationMetadata[] | undefined {
  if (added === undefined || added.length === 0) return raised
  return raised === undefined ? added : [...new Set([...raised, ...added])]
}

/** Which rows a loader chooses, as a value that can be compared. */
function choiceOf({ where, orders, limit, withDefaults }: LoadPlan): readonly unknown[] {
  const nodes = where === undefined ? orders : [where, ...orders]
  return [limit, withDefaults, nodes.map((node) => [node.shape, parametersOf(node)])]
}

function twoLoadersError({ relation: { owner, name } }: LoadPlan, where: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected one loader of ${owner.entityName}.${name}; got two that choose other rows of it`,
  )
}
