import { observed, type Observer } from '../observe/observer.ts'
import type { Operation, Outcome } from '../observe/operation.ts'
import type { Entity } from '../entity/entity.ts'
import type { Identity } from '../entity/identity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import type { Defaults } from '../sql/defaults.ts'
import type { Fetched, Fetching } from '../sql/fetched.ts'
import type { Statement } from '../sql/statement.ts'
import type { LazySetting } from '../schema/lazy-mode.ts'

/** Takes the rows of one result while they arrive. */
export interface EntityCollector {
  /** Takes a row: of an entity that the session holds, or of a new one, which nobody sees yet. */
  row(row: Row): void
  /** The entities of the rows, which the session holds from now on. Called once, when the statement has succeeded. */
  entities(): Entity[]
  /** Those of them that the session did not hold before. */
  readonly fresh: Iterable<Entity>
}

/** The parts of a session that loading uses. */
export interface LoadContext {
  readonly observer: Observer
  /** How the session loads relations that the program awaits. */
  readonly lazy: LazySetting
  /** The default filters that hold in the session. */
  readonly defaults: Defaults
  /** Sends a statement. */
  fetch<T>(statement: Statement, operation: Operation, fetched: Fetched<T>): Promise<T>
  /** Sends several statements in one exchange. If one fails, its error is that of all. */
  fetchAll<T>(
    fetches: readonly Fetching<T, Operation>[],
    parent: Operation | undefined,
  ): Promise<readonly T[]>
  /** @param isLocked whether the rows are locked: they are then newer than what the session holds */
  collect(table: TableMetadata, isLocked?: boolean): EntityCollector
  /** Another number after each write and each rollback, and in each session: what was counted before may be wrong. */
  readonly epoch: number
  /** The entity that the session holds with this identity. */
  held(table: TableMetadata, key: Identity): Entity | undefined
  /** Gives an entity that the session holds the deferred columns of a row that it does not have yet. */
  fillDeferred(entity: Entity, row: Row): void
  /** Whether a row is being read by its primary key. */
  isUnderWay(table: TableMetadata, key: Identity): boolean
}

export const rowsFound = (rows: number): Outcome => ({ rows })

/** Sends a statement that gives a number of rows, and tells the observer of it. */
export function fetchObserved(
  context: LoadContext,
  { statement, operation, fetched }: Fetching<number, Operation>,
): Promise<number> {
  const fetch = (): Promise<number> => context.fetch(statement, operation, fetched)
  return observed(context.observer, operation, fetch, rowsFound)
}

/** Makes entities of the rows of a statement, and its result of them. */
export class FetchedEntities<T> implements Fetched<T> {
  readonly #context: LoadContext
  readonly #table: TableMetadata
  readonly #isLocked: boolean
  readonly #read: (entities: Entity[]) => T
  #collector: EntityCollector | undefined
  #count = 0
  /** Called for each row, with its place from 0 on. */
  eachRow: ((row: Row, index: number) => void) | undefined
  ended: (() => void) | undefined

  constructor(
    context: LoadContext,
    table: TableMetadata,
    isLocked: boolean,
    read: (entities: Entity[]) => T,
  ) {
    this.#context = context
    this.#table = table
    this.#isLocked = isLocked
    this.#read = read
  }

  begin(): void {
    this.#collector = this.#context.collect(this.#table, this.#isLocked)
    this.#count = 0
  }

  row(row: Row): void {
    this.#collector?.row(row)
    this.eachRow?.(row, this.#count)
    this.#count += 1
  }

  finish(): T {
    return this.#read(this.#collector?.entities() ?? [])
  }
}
