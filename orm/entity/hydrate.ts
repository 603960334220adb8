import type { TableMetadata } from '../schema/metadata.ts'
import { valueOfKept } from '../schema/values.ts'
import type { Row } from '../schema/wire-form.ts'
import { type CompiledTable, compiledOf } from './compiled-table.ts'
import type { Entity } from './entity.ts'
import type { EntityOwner } from './entity-state.ts'
import {
  assign,
  constructed,
  explainConstruction,
  isFirstOf,
  refuseShadowing,
} from './shadowing.ts'

type EntityClass = new (values: unknown) => Entity

// The row on its way through the constructor chain, so that a subclass's private fields and initialisers run.
let underWay: Hydrator | undefined

/** Makes entities of the rows of a table. What concerns its class is done once. */
export class Hydrator {
  readonly table: TableMetadata
  readonly compiled: CompiledTable
  readonly class: unknown
  /** The row of the entity that is being made. */
  row: Row | undefined
  /** The session that it will belong to. */
  session: EntityOwner | undefined
  readonly #hasConstructor: boolean
  #isChecked = false

  constructor(table: TableMetadata) {
    this.table = table
    this.compiled = compiledOf(table)
    this.class = table.entity
    this.#hasConstructor = hasConstructor(table.entity as unknown as EntityClass)
  }

  /** Whether no instance of the class is known to be complete yet. */
  get isFirst(): boolean {
    return !this.#isChecked && isFirstOf(this.table.entity)
  }

  make(row: Row, session: EntityOwner): Entity {
    this.row = row
    this.session = session
    send(this)
    try {
      const entity = new (this.class as EntityClass)(
        this.#hasConstructor ? valuesOf(this.table, row) : undefined,
      )
      if (!this.#isChecked) this.#check(entity, row)
      return entity
    } catch (cause) {
      throw explainConstruction(cause, this.table)
    } finally {
      underWay = undefined
      // It lives as long as the table, and must not keep them.
      this.row = undefined
      this.session = undefined
    }
  }

  #check(entity: Entity, row: Row): void {
    refuseShadowing(entity, this.table, row)
    constructed(this.table.entity)
    this.#isChecked = true
  }
}

function send(hydrator: Hydrator): void {
  underWay = hydrator
}

const hydrators = new WeakMap<TableMetadata, Hydrator>()

/** Makes entities of the rows of this table. */
export function hydratorOf(table: TableMetadata): Hydrator {
  let hydrator = hydrators.get(table)
  if (hydrator === undefined) hydrators.set(table, (hydrator = new Hydrator(table)))
  return hydrator
}

/** What the current `new` gets its values from; undefined if the program called `new`. */
export function takeHydration(entity: unknown): Hydrator | undefined {
  const taken = underWay
  if (taken === undefined || taken.class !== entity) return undefined
  underWay = undefined
  return taken
}

// The base class takes the row and ignores its argument. A constructor of the program may read the argument.
function hasConstructor(entity: EntityClass): boolean {
  return /\bconstructor\s*\(/.test(Function.prototype.toString.call(entity))
}

function valuesOf(table: TableMetadata, row: Row): Record<string, unknown> {
  return Object.fromEntries(
    table.columns.flatMap((column) => {
      const kept = row[column.position]
      return kept === undefined
        ? []
        : [[column.property, valueOfKept(column, kept, table, row)] as const]
    }),
  )
}

/** Gives an entity the values of a row. */
export function assignRow(target: object, { table, compiled, isFirst }: Hydrator, row: Row): void {
  if (!isFirst) {
    try {
      compiled.assign(target, row)
      return
    } catch (cause) {
      throw firstUnreadable(table, row) ?? cause
    }
  }
  for (const column of table.columns) {
    const kept = row[column.position]
    const value = kept === undefined ? undefined : valueOfKept(column, kept, table, row)
    assign(target, column, value)
  }
}

/** The error of the first value that cannot be read. */
function firstUnreadable(table: TableMetadata, row: Row): unknown {
  try {
    valuesOf(table, row)
    return undefined
  } catch (error) {
    return error
  }
}
