import { DataBridgeError } from '../errors.ts'
import { inspectedRelation, inspectKey } from './entity-inspect.ts'
import { type EntityState, stateOf } from './entity-state.ts'
import type { ColumnMetadata, RelationMetadata } from '../schema/metadata.ts'
import { attempt } from '../util/attempt.ts'
import { listed } from '../util/messages.ts'
import { isRefusal, spare } from '../util/refusals.ts'
import { joinTexts } from './identity.ts'
import { type Place, placeOf, placeRelated } from './place.ts'
import { valueOf } from './property.ts'

const notLoaded = Symbol('not loaded')

/**
 * The value of `user.posts`: the relation of one entity, loaded or not. Use `await user.posts` or
 * `user.posts.load()`. The first call sends one query, later calls send none.
 */
export class RelationHandle<T = unknown> implements PromiseLike<T> {
  readonly #owner: object
  readonly #state: EntityState
  readonly #relation: RelationMetadata
  #value: unknown = notLoaded
  // The key that a to-one value was loaded for: a changed foreign key makes it stale.
  #loadedFor: unknown
  #shownAt: Place | undefined
  #loading: { readonly key: unknown; readonly value: Promise<T> } | undefined

  constructor(owner: object, state: EntityState, relation: RelationMetadata) {
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
    if (this.isLoaded) return this.#value as T
    const { owner, name } = this.#relation
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_RELATION_NOT_LOADED',
      `${owner.entityName}.${name} is not loaded: await it, or load it with the query: ` +
        `.options(selectinload(${owner.entityName}.${name}))`,
    )
  }

  /** The place of its owner when the program awaited or set it; undefined if only loaders filled it. */
  get shownAt(): Place | undefined {
    return this.#shownAt
  }

  /** Loads the relation with one query, unless it is loaded already. */
  load(): Promise<T> {
    if (this.isLoaded) {
      this.#show()
      return Promise.resolve(this.#value as T)
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
  fill(value: unknown, key: unknown = this.#key()): void {
    this.fillByLoader(value, key)
    this.#shownAt = placeOf(this.#owner)
  }

  /** Sets a value that a loader found. The place of the owner decides whether the JSON shows it. */
  fillByLoader(value: unknown, key: unknown = this.#key()): void {
    this.#value = value
    this.#loadedFor = key
  }

  /** Sets a value that was loaded for a peer, unless it is loaded already. The JSON shows it when the program awaits it. */
  fillForPeer(value: unknown): void {
    if (this.isLoaded) return
    this.#shownAt = undefined
    this.fillByLoader(value)
  }

  /** Makes the next read load again. */
  forget(): void {
    this.#value = notLoaded
    this.#shownAt = undefined
  }

  /** The program awaits it: its entities get the place behind the owner, unless they have a place already. */
  #show(): void {
    const place = placeOf(this.#owner)
    if (this.#shownAt === place) return
    this.#shownAt = place
    const related = [this.#value].flat().filter((each) => each !== null)
    placeRelated(related as object[], place.below(this.#relation))
  }

  #load(key: unknown): Promise<T> {
    const { session, lifecycle } = this.#state
    const { owner, name, holdsKey, foreignKey } = this.#relation
    if (holdsKey && key === null) {
      this.fill(null)
      return Promise.resolve(null as T)
    }
    if (session === undefined || lifecycle === 'new' || lifecycle === 'added') {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_DETACHED',
        lifecycle === 'new' || lifecycle === 'added'
          ? `${owner.entityName}.${name} cannot be loaded: the entity is not stored yet; flush it first`
          : `${owner.entityName}.${name} cannot be loaded: the entity's session has ended or was rolled back`,
      )
    }
    if (holdsKey && key === undefined) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_DETACHED',
        `${owner.entityName}.${name} cannot be loaded: ${listed(foreignKey.map(({ property }) => property))} has no value yet`,
      )
    }
    const loading = session.loadRelation(this.#owner, this.#relation).then(
      (value) => {
        this.#ended(key)
        // The program may have set another key meanwhile. That key gets its own load.
        if (this.#key() === key) {
          this.fillByLoader(value, key)
          this.#show()
        }
        return value as T
      },
      (error: unknown) => {
        this.#ended(key)
        if (isRefusal(error)) queueMicrotask(() => spare(loading, error))
        throw error
      },
    )
    return loading
  }

  #ended(key: unknown): void {
    if (this.#loading?.key === key) this.#loading = undefined
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
  const handle = new RelationHandle(entity as object, state, state.table.relation(name))
  state.handles.set(name, handle)
  return handle
}
