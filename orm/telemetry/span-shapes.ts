import type { Attributes } from '@opentelemetry/api'
import type { Operation } from '../observe/operation.ts'
import { fixedAttributes, spanName } from './attributes.ts'

/** What the spans of all operations of one kind on one table or relation have. */
export interface SpanShape {
  readonly name: string
  readonly attributes: Attributes
}

/** The shapes of a database's spans, each made once. */
export class SpanShapes {
  readonly #common: Attributes
  /** Those of a table or a relation. */
  readonly #byPlace = new WeakMap<object, Map<string, SpanShape>>()
  readonly #others = new Map<string, SpanShape>()

  /** @param common what every span has */
  constructor(common: Attributes) {
    this.#common = common
  }

  of(operation: Operation): SpanShape {
    const shapes = this.#near(operation)
    const key = operation.kind === 'relationship' ? operation.strategy : operation.name
    let shape = shapes.get(key)
    if (shape === undefined) {
      const attributes = { ...this.#common, ...fixedAttributes(operation) }
      shapes.set(key, (shape = { name: spanName(operation), attributes }))
    }
    return shape
  }

  #near(operation: Operation): Map<string, SpanShape> {
    const place = placeOf(operation)
    if (place === undefined) return this.#others
    let shapes = this.#byPlace.get(place)
    if (shapes === undefined) this.#byPlace.set(place, (shapes = new Map()))
    return shapes
  }
}

function placeOf(operation: Operation): object | undefined {
  if (operation.kind === 'query') return operation.table
  return operation.kind === 'relationship' ? operation.relation : undefined
}
