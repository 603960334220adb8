import { DataBridgeError } from '../errors.ts'
import type { Entity } from './entity.ts'
import { inspectedRelation, inspectKey } from './entity-inspect.ts'
import { type EntityOwner, type EntityState, stateOf } from './entity-state.ts'
import type { ColumnMetadata, RelationMetadata } from '../schema/metadata.ts'
import { attempt } from '../util/attempt.ts'
import type { CallSite } from '../util/call-site.ts'
import { listed } from '../util/messages.ts'
import { isRefusal, spare } from '../util/refusals.ts'
import { joinTexts } from './identity.ts'
import { type Place, placeOf, placeRelated } from './place.ts'
import { valueOf } from './property.ts'
import { addRelated, removeRelated, setRelated } from './relation-writes.ts'

const notLoaded = Symbol('not loaded')
const nobody: readonly Entity[] = []

/**
 * The value of `user.posts`: the relation of one entity, loaded or not. Use `await user.posts` or
 * `user.posts.load()`. The first call sends one query, later calls send none.
 */
export class RelationHandle<T = unknown> implements PromiseLike<T> {
  readonly #owner: Entity
  readonly #state: EntityState
  readonly #relation: RelationMetadata
  #value: unknown = notLoaded
  // The program has the list, perhaps in a loop over it.
  #isGiven = false
  #isWhole = true
  /** What a loader has counted. */
  #counted: { readonly count: number; readonly epoch: number } | undefined
  // The key that a to-one value was loaded for: a changed foreign key makes it stale.
  #loadedFor: unknown
  #shownAt: Place | undefined
  #loading: { readonly key: unknown; readonly value: Promise<T> } | undefined
  #site: CallSite | undefined

  constructor(owner: Entity, state: EntityState, relation: RelationMetadata) {
    this.#owner = owner
    this.#state = state
    this.#relation = relation
  }

  /** Whether `value` can be read without a query. */
  get isLoaded(): boolean {
    return this.#value !== notLoaded && this.#loadedFor === this.#key()
  }

  /**
   * The loaded value, without waiting.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_RELATION_NOT_LOADED` if it is not loaded.
   */
  get value(): T {
    if (this.isLoaded) return this.#give()
    const { owner, name } = this.#relation
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_RELATION_NOT_LOADED',
      `${owner.entityName}.${name} is not loaded: await it, or load it with the query: ` +
        `.options(selectinload(${owner.entityName}.${name}))`,
    )
  }

  /** @internal Where the program has read the relation last. */
  touchedAt(site: CallSite | undefined): void {
    this.#site = site
  }

  /** Whether the value has all related rows: a loader may have chosen some. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Whether the value tells all that the relation leads to. A loader with a filter that found no row does not. */
  get isKnown(): boolean {
    const isFound = this.#relation.cardinality === 'one' && this.#value !== null
    return this.isLoaded && (this.#isWhole || isFound)
  }

  /** The place of its owner when the program awaited or set it; undefined if only loaders filled it. */
  get shownAt(): Place | undefined {
    return this.#shownAt
  }

  /** Loads the relation with one query, unless it is loaded already. */
  load(): Promise<T> {
    if (this.isLoaded) {
      this.show()
      return Promise.resolve(this.#give())
    }
    const key = this.#key()
    if (this.#loading !== undefined && this.#loading.key === key) return this.#loading.value
    return attempt(() => {
      const value = this.#load(key)
      if (!this.isLoaded) this.#loading = { key, value }
      return value
    })
  }

  /** Makes a relation awaitable: `const posts = await user.posts`. */
  // oxlint-disable-next-line unicorn/no-thenable -- awaiting a relation is the public API
  then<A = T, B = never>(
    onLoaded?: ((value: T) => A | PromiseLike<A>) | null,
    onFailed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const { session } = this.#state
    // `await` gives both functions. Without the second one, the program may await the result later.
    const isWhole = onFailed !== undefined && onFailed !== null
    if (isWhole || session === undefined) return this.load().then(onLoaded, onFailed)
    return session.give(() => this.load().then(onLoaded))
  }

  /**
   * The loaded value, for `JSON.stringify({ ...user, posts: user.posts })`.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_RELATION_NOT_LOADED` if it is not loaded.
   */
  toJSON(): T {
    return this.value
  }

  /** Sets a value that the program gave or awaited. The owner's JSON then shows it. */
  fill(value: unknown): void {
    this.fillByLoader(value)
    this.#shownAt = placeOf(this.#owner)
  }

  /** Sets a value that a loader found. The place of the owner decides whether the JSON shows it. */
  fillByLoader(value: unknown, isWhole: boolean = true, key: unknown = this.#key()): void {
    this.#state.session?.loadedRelation(this)
    this.#value = value
    this.#isWhole = isWhole
    this.#loadedFor = key
  }

  /** The foreign key and both sides of a to-one relation: `post.author.set(user)`. */
  set(entity: unknown): void {
    this.#require('one', 'set')
    setRelated(this.#owner, this.#relation, entity)
  }

  /** Adds entities to a to-many relation, on both sides: `user.posts.add(post)`. */
  add(...entities: readonly unknown[]): void {
    this.#require('many', 'add')
    addRelated(this.#owner, this.#relation, entities.flat())
    if (this.#state.snapshot === undefined) this.show()
  }

  /** Takes entities out of a to-many relation, on both sides. */
  remove(...entities: readonly unknown[]): void {
    this.#require('many', 'remove')
    removeRelated(this.#owner, this.#relation, entities.flat())
  }

  /** @internal Another side of the relation has changed: the entity belongs to it. */
  include(entity: Entity): void {
    if (!this.isLoaded) return this.#outdate()
    if (this.loaded.includes(entity)) return
    if (this.#relation.cardinality === 'one') return this.#change(entity)
    const list = this.#value as Entity[]
    const own = this.#isGiven ? [...list] : list
    own.push(entity)
    this.#change(own)
  }

  /** @internal Rows are gone, or another side has changed: the entities leave the relation. */
  exclude(gone: ReadonlySet<Entity>): void {
    if (!this.isLoaded) return this.#outdate()
    if (!this.loaded.some((entity) => gone.has(entity))) return
    const isMany = this.#relation.cardinality === 'many'
    this.#change(isMany ? this.loaded.filter((entity) => !gone.has(entity)) : null)
  }

  /** What is being loaded is not what the program has now: it loads again. */
  #outdate(): void {
    this.#loading = undefined
  }

  /** @internal The entities of a loaded relation. */
  get loaded(): readonly Entity[] {
    if (!this.isLoaded || this.#value === null) return nobody
    return Array.isArray(this.#value) ? (this.#value as Entity[]) : [this.#value as Entity]
  }

  #change(value: unknown): void {
    this.#state.session?.changedRelation(this)
    this.#isGiven = false
    this.fillByLoader(value, this.#isWhole || this.#relation.cardinality === 'one')
  }

  #require(cardinality: RelationMetadata['cardinality'], method: string): void {
    const { owner, name } = this.#relation
    if (this.#relation.cardinality === cardinality) return
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_ENTITY',
      `${owner.entityName}.${name} leads to ${cardinality === 'one' ? 'many rows' : 'one row'} and has no ${method}(); ` +
        `it has ${cardinality === 'one' ? 'add() and remove()' : 'set()'}`,
    )
  }

  #give(): T {
    this.#isGiven = true
    return this.#value as T
  }

  /** Remembers how many rows a loader has counted. */
  remember(count: number, epoch: number): void {
    this.#counted = { count, epoch }
  }

  /** What a loader has counted; undefined if the session has written since. */
  countAt(epoch: number): number | undefined {
    return this.#counted?.epoch === epoch ? this.#counted.count : undefined
  }

  /** The number of related rows. The list of a loader that chose some of them does not count. */
  count(): Promise<number> {
    return attempt(() => {
      const list = this.#list('count')
      if (list !== undefined && this.#isWhole) return Promise.resolve(list.length)
      return this.#session('counted').countRelation(this.#owner, this.#relation, this.#site)
    })
  }

  /** Whether there is a related row. */
  exists(): Promise<boolean> {
    return attempt(() => {
      const list = this.#list('exists')
      if (list !== undefined && (this.#isWhole || list.length > 0))
        return Promise.resolve(list.length > 0)
      return this.#session('asked for').hasRelated(this.#owner, this.#relation, this.#site)
    })
  }

  /** The list, if it is loaded. */
  #list(method: string): readonly unknown[] | undefined {
    const { owner, name, cardinality } = this.#relation
    if (cardinality === 'many') return this.isLoaded ? (this.#value as unknown[]) : undefined
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${owner.entityName}.${name}.${method}() expected a relation to many rows; this one leads to one row`,
    )
  }

  /** Sets a value that was loaded for a peer, unless it is loaded already. The JSON shows it when the program awaits it. */
  fillForPeer(value: unknown): void {
    if (this.isLoaded) return
    this.#shownAt = undefined
    this.fillByLoader(value)
  }

  /** Makes the next read load again. */
  forget(): void {
    this.#counted = undefined
    this.#value = notLoaded
    this.#shownAt = undefined
  }

  /** The program awaits it: its entities get the place behind the owner, unless they have a place already. */
  show(): void {
    if (!this.isLoaded) return
    const place = placeOf(this.#owner)
    if (this.#shownAt === place) return
    this.#shownAt = place
    placeRelated(this.loaded, place.below(this.#relation))
  }

  #load(key: unknown): Promise<T> {
    const { owner, name, holdsKey, foreignKey } = this.#relation
    if (holdsKey && key === null) {
      this.fill(null)
      return Promise.resolve(null as T)
    }
    const session = this.#session('loaded')
    if (holdsKey && key === undefined) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_DETACHED',
        `${owner.entityName}.${name} cannot be loaded: ${listed(foreignKey.map(({ property }) => property))} has no value yet`,
      )
    }
    const loading: Promise<T> = session.loadRelation(this.#owner, this.#relation, this.#site).then(
      (value) => {
        const isCurrent = this.#ended(loading)
        // The program has changed another side meanwhile.
        if (!isCurrent && !holdsKey) return this.load()
        // It may have set another key. That key gets its own load.
        if (isCurrent && this.#key() === key) {
          this.fillByLoader(value, true, key)
          // It keeps the functions of the stack alive.
          this.#site = undefined
          this.#isGiven = true
          this.show()
        }
        return value as T
      },
      (error: unknown) => {
        this.#ended(loading)
        if (isRefusal(error)) queueMicrotask(() => spare(loading, error))
        throw error
      },
    )
    return loading
  }

  /** @param verb what cannot be done without a session */
  #session(verb: string): EntityOwner {
    const { session, lifecycle } = this.#state
    const isNew = lifecycle === 'new' || lifecycle === 'added'
    if (session !== undefined && !isNew) return session
    const { owner, name } = this.#relation
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_DETACHED',
      isNew
        ? `${owner.entityName}.${name} cannot be ${verb}: the entity is not stored yet; flush it first`
        : `${owner.entityName}.${name} cannot be ${verb}: the entity's session has ended or was rolled back`,
    )
  }

  /** @returns whether nothing has changed since it began */
  #ended(loading: Promise<T>): boolean {
    if (this.#loading?.value !== loading) return false
    this.#loading = undefined
    return true
  }

  #key(): unknown {
    const { holdsKey, foreignKey } = this.#relation
    if (!holdsKey) return undefined
    const [only] = foreignKey
    if (foreignKey.length === 1 && only !== undefined)
      return comparable(only, valueOf(this.#owner, only))
    const values = foreignKey.map((column) => comparable(column, valueOf(this.#owner, column)))
    if (values.includes(undefined)) return undefined
    return values.includes(null) ? null : joinTexts(values.map(String))
  }

  static {
    Object.defineProperty(this.prototype, inspectKey, {
      value(this: RelationHandle) {
        return inspectedRelation(this.#relation, this.isLoaded ? this : undefined)
      },
    })
  }
}

/** A value that `===` compares as PostgreSQL does. */
function comparable(column: ColumnMetadata, value: unknown): unknown {
  if (Number.isNaN(value)) return 'NaN'
  return typeof value === 'object' && value !== null && column.type.accepts(value)
    ? column.type.encode(value as never)
    : value
}

/** The handle behind `user.posts`, made when it is first touched. */
export function relationHandle(entity: unknown, name: string): RelationHandle {
  const state = stateOf(entity)
  state.handles ??= new Map()
  const existing = state.handles.get(name)
  if (existing !== undefined) return existing
  const handle = new RelationHandle(entity as Entity, state, state.table.relation(name))
  state.handles.set(name, handle)
  return handle
}
