import type { TableMetadata } from '../schema/metadata.ts'
import { valueOfKept } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
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

const withConstructor = new WeakMap<object, boolean>()

/** Makes entities of the rows of a table. What concerns its class is done once. */
export class Hydrator {
  readonly session: EntityOwner
  readonly compiled: CompiledTable
  /** The row of the entity that is being made. */
  row: Row = []
  readonly #table: TableMetadata
  readonly #class: EntityClass
  readonly #hasConstructor: boolean
  #isChecked = false

  constructor(table: TableMetadata, session: EntityOwner) {
    this.session = session
    this.compiled = compiledOf(table)
    this.#table = table
    this.#class = table.entity as unknown as EntityClass
    this.#hasConstructor = hasConstructor(this.#class)
  }

  /** The class that the entity is made with. */
  get class(): unknown {
    return this.#class
  }

  /** Whether no instance of the class is known to be complete yet. */
  get isFirst(): boolean {
    return !this.#isChecked && isFirstOf(this.#table.entity)
  }

  make(row: Row): Entity {
    this.row = row
    send(this)
    try {
      const entity = new this.#class(this.#hasConstructor ? valuesOf(this.#table, row) : undefined)
      if (!this.#isChecked) this.#check(entity, row)
      return entity
    } catch (cause) {
      throw explainConstruction(cause, this.#table)
    } finally {
      underWay = undefined
    }
  }

  #check(entity: Entity, row: Row): void {
    refuseShadowing(entity, this.#table, row)
    constructed(this.#table.entity)
    this.#isChecked = true
  }
}

function send(hydrator: Hydrator): void {
  underWay = hydrator
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
  let answer = withConstructor.get(entity)
  if (answer === undefined) {
    answer = /\bconstructor\s*\(/.test(Function.prototype.toString.call(entity))
    withConstructor.set(entity, answer)
  }
  return answer
}

function valuesOf(table: TableMetadata, row: Row): Record<string, unknown> {
  return Object.fromEntries(
    table.columns.map((column) => [
      column.property,
      valueOfKept(column, row[column.position] as Primitive, table, row),
    ]),
  )
}

export function assignRow(
  target: object,
  table: TableMetadata,
  { compiled, row, isFirst }: Hydrator,
): void {
  if (!isFirst) {
    try {
      compiled.assign(target, row)
      return
    } catch (cause) {
      throw firstUnreadable(table, row) ?? cause
    }
  }
  for (const column of table.columns) {
    const value = valueOfKept(column, row[column.position] as Primitive, table, row)
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
