import type { Entity } from '../entity/entity.ts'
import type { Identity } from '../entity/identity.ts'
import type { Observer } from '../observe/observer.ts'
import type { Operation, QueryOperation } from '../observe/operation.ts'
import type { EntityCollector } from '../relations/context.ts'
import type { LazySetting } from '../schema/lazy-mode.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import type { Defaults } from '../sql/defaults.ts'
import type { Fetched, Fetching, ReadRows } from '../sql/fetched.ts'
import type { QueryWrite } from '../sql/query-write.ts'
import type { Statement } from '../sql/statement.ts'
import type { ReadTables } from '../sql/text-sink.ts'
import type { PageTokens } from '../util/page-tokens.ts'
import type { QueryContext } from './run.ts'

/** A session as a stream sees it: what is read through it passes by. */
export class StreamContext implements QueryContext {
  readonly #session: QueryContext
  #read: Entity[] = []

  constructor(session: QueryContext) {
    this.#session = session
  }

  /** Lets go of what was read, except what has to stay for now. */
  letGo(): void {
    this.#read = [...this.#session.passed(this.#read)]
  }

  collect(table: TableMetadata, isLocked?: boolean): EntityCollector {
    const collector = this.#session.collect(table, isLocked)
    const passing = (): Entity[] => {
      const entities = collector.entities()
      const fresh = [...collector.fresh]
      this.#session.passing(fresh)
      for (const entity of fresh) this.#read.push(entity)
      return entities
    }
    return {
      row: (row) => collector.row(row),
      entities: passing,
      get fresh() {
        return collector.fresh
      },
    }
  }

  get observer(): Observer {
    return this.#session.observer
  }

  get lazy(): LazySetting {
    return this.#session.lazy
  }

  get defaults(): Defaults {
    return this.#session.defaults
  }

  get epoch(): number {
    return this.#session.epoch
  }

  get transaction(): number | undefined {
    return this.#session.transaction
  }

  get recoveries(): number {
    return this.#session.recoveries
  }

  get pageTokens(): PageTokens {
    return this.#session.pageTokens
  }

  get isReadOnly(): boolean {
    return this.#session.isReadOnly
  }

  fetch<T>(statement: Statement, operation: Operation, fetched: Fetched<T>): Promise<T> {
    return this.#session.fetch(statement, operation, fetched)
  }

  fetchAll<T>(
    fetches: readonly Fetching<T, Operation>[],
    parent: Operation | undefined,
  ): Promise<readonly T[]> {
    return this.#session.fetchAll(fetches, parent)
  }

  held(table: TableMetadata, key: Identity): Entity | undefined {
    return this.#session.held(table, key)
  }

  fillDeferred(entity: Entity, row: Row): void {
    this.#session.fillDeferred(entity, row)
  }

  isUnderWay(table: TableMetadata, key: Identity): boolean {
    return this.#session.isUnderWay(table, key)
  }

  beforeQuery(reads: ReadTables, operation: QueryOperation): Promise<void> | undefined {
    return this.#session.beforeQuery(reads, operation)
  }

  passing(entities: Iterable<Entity>): void {
    this.#session.passing(entities)
  }

  passed(entities: Iterable<Entity>): readonly Entity[] {
    return this.#session.passed(entities)
  }

  write<T>(
    write: QueryWrite,
    name: string,
    operation: QueryOperation,
    read: (written: ReadRows) => T,
  ): Promise<T> {
    return this.#session.write(write, name, operation, read)
  }

  give<T>(work: () => Promise<T> | T): Promise<T> {
    return this.#session.give(work)
  }
}
