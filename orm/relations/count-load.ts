import type { Entity } from '../entity/entity.ts'
import { relationHandle } from '../entity/relation-handle.ts'
import type { Operation, RelationshipOperation } from '../observe/operation.ts'
import { placeColumn } from '../schema/row-decoder.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import type { RowDecoder } from '../schema/wire-form.ts'
import type { Defaults } from '../sql/defaults.ts'
import { FetchedRows, type Fetching } from '../sql/fetched.ts'
import { withColumn } from '../sql/projections.ts'
import { rowsWhere, Select, selectStatement } from '../sql/select.ts'
import type { Statement } from '../sql/statement.ts'
import type { LoadContext } from './context.ts'
import { countBehind } from './count-projection.ts'
import { GivenKeys, givenPlace, type KeyTexts } from './keys.ts'
import { defaultsOf, type LoadPlan } from './loader.ts'
import { nearOf } from './near.ts'
import { farSide } from './side.ts'
import { askedProvenance, type Load, type Step } from './step.ts'

/** Counts the rows behind a relation of several entities with one statement. */
export class CountLoad implements Load {
  readonly fetching: Fetching<number, RelationshipOperation> | undefined
  readonly #relation: RelationMetadata
  /** The owners that have a key. The others lead to nothing. */
  readonly #keyed: Entity[] = []
  readonly #owners: readonly Entity[]
  readonly #counts = new Map<Entity, number>()
  #epoch: number

  constructor(context: LoadContext, step: Step, parent: Operation | undefined) {
    const { plan, owners, depth } = step
    const { relation } = plan
    this.#relation = relation
    this.#owners = owners
    this.#epoch = context.epoch
    const near = nearOf(relation)
    const keys: KeyTexts[] = []
    for (const owner of owners) {
      const key = near.keyOf(owner)
      if (key === undefined) continue
      this.#keyed.push(owner)
      keys.push(near.textsOf(key))
    }
    if (keys.length === 0) return
    const operation: RelationshipOperation = {
      kind: 'relationship',
      strategy: 'countload',
      relation,
      owners,
      provenance: askedProvenance(step, parent),
      cacheHit: false,
      depth,
      parent,
    }
    const fetched = new FetchedRows(({ rows }) => {
      this.#epoch = context.epoch
      for (const [place, count] of rows)
        this.#counts.set(this.#keyed[Number(place) - 1] as Entity, Number(count))
      return rows.length
    })
    this.fetching = {
      statement: countsOfMany(plan, defaultsOf(context, plan), keys),
      operation,
      fetched,
    }
  }

  finish(): readonly Step[] {
    const { name } = this.#relation
    for (const owner of this.#owners)
      relationHandle(owner, name).remember(this.#counts.get(owner) ?? 0, this.#epoch)
    return []
  }
}

const numbers: RowDecoder = Object.freeze({
  columns: Object.freeze([placeColumn.decoder, placeColumn.decoder]),
  explain: (cause: unknown) => cause,
})

/** The position of each key that leads to rows, and their number. */
function countsOfMany(
  { relation }: LoadPlan,
  defaults: Defaults,
  keys: readonly KeyTexts[],
): Statement {
  const side = farSide(relation)
  return selectStatement(
    new Select({
      ...rowsWhere(side.source, defaults, undefined, []),
      isBare: side.isBare,
      projection: withColumn(givenPlace, countBehind(relation), numbers),
      joins: new GivenKeys(side, keys),
      groups: [givenPlace],
    }),
  )
}
