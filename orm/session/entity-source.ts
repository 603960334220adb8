import type { SessionConnection } from '../driver/session-connection.ts'
import { DataBridgeError } from '../errors.ts'
import { observed, type Observer } from '../observe/observer.ts'
import type { Operation, Outcome, QueryOperation } from '../observe/operation.ts'
import type { PageTokens } from '../util/page-tokens.ts'
import type { QueryContext } from '../query/run.ts'
import type { ReadTables } from '../sql/text-sink.ts'
import type { EntityCollector } from '../relations/context.ts'
import { countRelated, existsRelated } from '../relations/counts.ts'
import { filteringTables, hiddenError, mayHide } from '../relations/hidden.ts'
import { flightOf, heldTarget, loadLazily } from '../relations/lazy.ts'
import { requireLazy } from '../relations/lazy-mode.ts'
import type { LazySetting } from '../schema/lazy-mode.ts'
import { loadAll } from '../relations/load-all.ts'
import { nearOf } from '../relations/near.ts'
import { PeerLoads } from '../relations/peers.ts'
import { joinTables, tablesRead } from '../relations/related.ts'
import { stepsOf } from '../relations/step.ts'
import { loadDeferred } from '../relations/undefer.ts'
import { reload } from '../entity/absorb.ts'
import { columnsWithValue } from '../entity/deferred.ts'
import type { Entity } from '../entity/entity.ts'
import { isSameValue } from '../entity/same-value.ts'
import { valueOf } from '../entity/property.ts'
import { type EntityOwner, stateOf } from '../entity/entity-state.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { columnsWith } from '../schema/row-columns.ts'
import type { Row } from '../schema/wire-form.ts'
import { type Identity, storedKey, textsOfKey } from '../entity/identity.ts'
import { type Defaults, declaredDefaults } from '../sql/defaults.ts'
import { selectByKey } from '../sql/key-statements.ts'
import type { TableCondition } from '../sql/table-condition.ts'
import type { Catalogue } from '../flush/catalogue.ts'
import { Collector } from './collector.ts'
import { type Fetched, FetchedRows, type Fetching } from '../sql/fetched.ts'
import type { CallSite } from '../util/call-site.ts'
import { followed } from '../util/refusals.ts'
import { InFlight } from './in-flight.ts'
import { fetchMissing, fetchOne, getOperation, isPresent, requireOne } from './key-reads.ts'
import { loadsOf } from './given-loads.ts'
import { givenKey, givenKeys, type GivenKey } from './key.ts'
import type { Statement } from '../sql/statement.ts'
import type { Flusher } from './flusher.ts'
import type { SessionParts } from './session-parts.ts'
import type { UnitOfWork } from '../unit-of-work/unit-of-work.ts'

/** The reading side of a session. A row always becomes the same entity. */
export class EntitySource implements QueryContext {
  readonly observer: Observer
  readonly isReadOnly: boolean
  readonly lazy: LazySetting
  readonly pageTokens: PageTokens
  defaults: Defaults = declaredDefaults
  readonly #owner: EntityOwner
  readonly #connection: SessionConnection
  readonly #work: UnitOfWork
  readonly #flusher: Flusher
  readonly #catalogue: Catalogue
  // Made by the first load, and by the first one in the mode 'peers'.
  #inFlight: InFlight | undefined
  #peerLoads: PeerLoads | undefined

  constructor(
    owner: EntityOwner,
    { catalogue, connection, observer, isReadOnly, lazy, pageTokens }: SessionParts,
    work: UnitOfWork,
    flusher: Flusher,
  ) {
    this.#owner = owner
    this.#connection = connection
    this.observer = observer
    this.isReadOnly = isReadOnly
    this.lazy = lazy
    this.pageTokens = pageTokens
    this.#work = work
    this.#flusher = flusher
    this.#catalogue = catalogue
  }

  /** Narrows what the session reads of a table from now on. */
  addFilter(table: TableMetadata, condition: TableCondition): void {
    this.defaults = this.defaults.with(table, condition)
    this.#work.forgetCounts()
  }

  beforeQuery(reads: ReadTables, operation: QueryOperation): Promise<void> | undefined {
    return this.#flusher.beforeQuery(reads, operation)
  }

  readonly write: QueryContext['write'] = (write, name, operation, read) =>
    this.give(() => this.#flusher.writeByQuery(write, name, operation, read))

  give<T>(work: () => Promise<T> | T): Promise<T> {
    return this.#owner.give(work)
  }

  fetch<T>(statement: Statement, operation: Operation, fetched: Fetched<T>): Promise<T> {
    if (statement.decoder?.xminOf === undefined)
      return this.#connection.fetch(statement, operation, fetched)
    return this.#afterFacts([{ statement, operation, fetched }], operation, () =>
      this.#connection.fetch(statement, operation, fetched),
    )
  }

  fetchAll<T>(
    fetches: readonly Fetching<T, Operation>[],
    parent: Operation | undefined,
  ): Promise<readonly T[]> {
    const first = fetches.find(({ statement }) => statement.decoder?.xminOf !== undefined)
    if (first === undefined) return this.#connection.fetchAll(fetches, parent)
    return this.#afterFacts(fetches, first.operation, () =>
      this.#connection.fetchAll(fetches, parent),
    )
  }

  /** Asks the catalogue whether the rows of tables have an xmin, before the first of them is read. */
  #afterFacts<T>(
    fetches: readonly Fetching<unknown, Operation>[],
    operation: Operation,
    fetch: () => Promise<T>,
  ): Promise<T> {
    if (this.#connection.hasFailed) return fetch()
    const tables = new Set(fetches.flatMap(({ statement }) => statement.decoder?.xminOf ?? []))
    const learning = this.#catalogue.learn(tables, (text, parameters) =>
      this.#connection.lookUp(text, parameters, operation),
    )
    if (learning === undefined) return fetch()
    return this.give(async () => {
      try {
        await learning
      } catch (error) {
        for (const { fetched } of fetches) fetched.ended?.()
        throw error
      }
      return fetch()
    })
  }

  get epoch(): number {
    return this.#work.epoch
  }

  held(table: TableMetadata, key: Identity): Entity | undefined {
    const held = this.#work.identity.get(table, key)
    if (held !== undefined) this.#work.passing?.delete(held)
    return held
  }

  get transaction(): number | undefined {
    return this.#connection.transactionNumber
  }

  get recoveries(): number {
    return this.#connection.recoveries
  }

  passing(entities: Iterable<Entity>): void {
    const passing = (this.#work.passing ??= new Set())
    for (const entity of entities) passing.add(entity)
  }

  passed(entities: Iterable<Entity>): readonly Entity[] {
    return this.#work.passed(entities)
  }

  fillDeferred(entity: Entity, row: Row): void {
    this.#work.fillDeferred(entity, row)
  }

  isUnderWay(table: TableMetadata, key: Identity): boolean {
    return this.#inFlight?.has(table, key) === true
  }

  collect(table: TableMetadata, isLocked: boolean = false): EntityCollector {
    return new Collector(table, this.#work, this.#owner, isLocked)
  }

  /** The entity with this key, from the identity map or with one statement. */
  get(table: TableMetadata, key: unknown): Promise<Entity | null> {
    const given = givenKey(table, key)
    const held = this.#heldBy(table, given)
    const operation = getOperation(table, held !== undefined)
    const find = (): Promise<Entity | null> => {
      if (held !== undefined) return Promise.resolve(isPresent(held) ? held : null)
      const flushing = this.#flusher.beforeGet(operation)
      const fetch = (): Promise<Entity | null> => this.#fetch(table, given, operation)
      if (flushing === undefined) return fetch()
      return this.give(async () => {
        await flushing
        return fetch()
      })
    }
    return observed(this.observer, operation, find, countOne)
  }

  /** The entities with these keys, in their order, from the identity map and with one statement for the rest. */
  async getMany(table: TableMetadata, keys: unknown): Promise<Entity[]> {
    const list = givenKeys(table, keys)
    const found = list.map((given) => this.#heldBy(table, given))
    const operation = getOperation(table, !found.includes(undefined), 'many')
    const find = async (): Promise<Entity[]> => {
      if (operation.cacheHit !== true) {
        await this.#flusher.beforeGet(operation)
        await fetchMissing(this, table, list, found, operation)
      }
      return found.filter((entity) => entity !== undefined && isPresent(entity)) as Entity[]
    }
    return observed(this.observer, operation, find, ({ length }) => ({ rows: length }))
  }

  /** Reads the row of an entity again. */
  async refresh(entity: Entity): Promise<void> {
    const { table } = stateOf(entity)
    const operation = getOperation(table, false, 'refresh')
    const key = textsOfKey(table.primaryKey, storedKey(entity))
    const fetched = new FetchedRows(({ rows }) => {
      const [row] = rows
      if (row === undefined) {
        throw new DataBridgeError(
          'DATA_BRIDGE_ERR_NOT_FOUND',
          `refresh() found no row of this ${table.entityName}; it was deleted`,
        )
      }
      requireOne(table, rows)
      reload(entity, row)
      this.#work.undo.read(entity)
    })
    const columns = columnsWith(table, columnsWithValue(entity))
    const statement = selectByKey(table, key, columns)
    const read = (): Promise<void> => this.fetch(statement, operation, fetched)
    await observed(this.observer, operation, read, () => ({ rows: 1 }))
  }

  /** The entity that a foreign key refers to now, if the session holds it. */
  heldTarget(owner: object, relation: RelationMetadata): Entity | undefined {
    return nearOf(relation).refersByKey
      ? heldTarget(this, owner, relation)
      : this.#heldByValues(owner, relation)
  }

  /** The target of a foreign key that does not refer by the primary key. */
  #heldByValues(owner: object, { target, pairs }: RelationMetadata): Entity | undefined {
    for (const held of this.#work.identity.of(target).values())
      if (
        pairs.every(([local, remote]) =>
          isSameValue(local, valueOf(owner, local), valueOf(held, remote)),
        )
      )
        return held
    return undefined
  }

  /** Loads a relation that the program awaits. */
  loadRelation(
    owner: object,
    relation: RelationMetadata,
    site: CallSite | undefined,
  ): Promise<unknown> {
    const mode = requireLazy(this.lazy, owner, relation)
    const start = (ended?: () => void): Promise<unknown> => {
      if (mode === 'select') return loadLazily(this, owner, relation, site, ended)
      this.#peerLoads ??= new PeerLoads(this)
      return this.#peerLoads.load(owner as Entity, relation, site, ended)
    }
    const load = (): Promise<unknown> => {
      const joined = this.#peerLoads?.joined(owner, relation)
      if (joined !== undefined) return joined
      const flight = flightOf(owner, relation)
      return flight === undefined ? start() : this.#shared(flight.place, flight.key, start)
    }
    const flushing = this.#beforeLoad(relation)
    const loading =
      flushing === undefined
        ? load()
        : this.give(async () => {
            await flushing
            return load()
          })
    if (!mayHide(this.defaults, relation)) return loading
    const required = (value: unknown): unknown => {
      if (value === null) throw hiddenError(relation)
      return value
    }
    return followed(loading, required, undefined)
  }

  /** Flushes changes that decide what is behind a relation; undefined if there are none. */
  #beforeLoad(relation: RelationMetadata): Promise<void> | undefined {
    const flushing = this.#flusher.beforeLoad(relation)
    if (flushing !== undefined) return flushing
    const tables = filteringTables(this.defaults, relation)
    return tables && this.#flusher.beforeQuery(tables, undefined)
  }

  async countRelation(
    owner: object,
    relation: RelationMetadata,
    site: CallSite | undefined,
  ): Promise<number> {
    const flushing = this.#beforeLoad(relation)
    if (flushing !== undefined) await flushing
    return countRelated(this, owner, relation, site)
  }

  async hasRelated(
    owner: object,
    relation: RelationMetadata,
    site: CallSite | undefined,
  ): Promise<boolean> {
    const flushing = this.#beforeLoad(relation)
    if (flushing !== undefined) await flushing
    return existsRelated(this, owner, relation, site)
  }

  /** Loads relations and deferred columns of entities that the session holds, except what they have already. */
  async load(entities: unknown, loaders: readonly unknown[]): Promise<void> {
    const { owners, loaders: plans, undeferred } = loadsOf(this.#owner, entities, loaders)
    const reads = plans.map((plan) => tablesRead(plan, this.defaults)).reduce(joinTables, [])
    const flushing = this.#flusher.beforeQuery(reads, undefined)
    if (flushing !== undefined) await flushing
    if (undeferred.length > 0) await loadDeferred(this, owners, undeferred)
    await loadAll(this, stepsOf(plans, owners, undefined, 0), undefined)
  }

  /** Runs a load, unless the same one is under way. */
  #shared<T>(place: object, key: Identity, load: (ended: () => void) => Promise<T>): Promise<T> {
    const underWay = this.#peerLoads?.reading(place, key) ?? this.#inFlight?.get(place, key)
    if (underWay !== undefined) {
      this.observer.loadShared?.()
      return underWay as Promise<T>
    }
    this.#inFlight ??= new InFlight()
    return this.#inFlight.run(place, key, load)
  }

  #heldBy(table: TableMetadata, { identity }: GivenKey): Entity | undefined {
    return identity === undefined ? undefined : this.held(table, identity)
  }

  /** Two loads of one row that are in flight at the same time share one statement. */
  #fetch(table: TableMetadata, key: GivenKey, operation: QueryOperation): Promise<Entity | null> {
    const fetch = (ended: () => void): Promise<Entity | null> =>
      fetchOne(this, table, key, operation, ended)
    return this.#shared(table, key.flight, fetch)
  }
}

const countOne = (entity: Entity | null): Outcome => ({ rows: entity === null ? 0 : 1 })
