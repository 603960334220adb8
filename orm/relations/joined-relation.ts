import { columnsWith, type RowColumns } from '../schema/row-columns.ts'
import { type Defaults, writeFilter } from '../sql/defaults.ts'
import { castOfPair } from '../sql/pair-cast.ts'
import { writeLinked } from '../sql/link.ts'
import { type Order, shapesOf, type Sink, type SqlNode, writeList } from '../sql/node.ts'
import { Ordering } from '../sql/ordering.ts'
import { wholeRow } from '../sql/projections.ts'
import { byKey } from '../sql/select.ts'
import type { JoinNode } from './join-tree.ts'
import { aliasAt, branchAlias, branchName, nameAt, namesOf } from './joined-names.ts'
import { defaultsOf } from './loader.ts'
import { farSide, nearPairs, type Side } from './side.ts'

/**
 * ` left join lateral (select … from "posts" as "t0" where …) as "#1" (…) on true`: the rows behind a relation of
 * each owner. PostgreSQL joins the tables themselves, unless each owner has a limit.
 */
export class JoinedRelation implements SqlNode {
  readonly shape: string
  readonly index: number
  readonly level: number
  readonly isList: boolean
  readonly #node: JoinNode
  readonly #side: Side
  readonly #columns: RowColumns
  readonly #width: number
  readonly #isBranch: boolean
  /** Whether the rows of each owner are read by themselves. */
  readonly #isCut: boolean
  readonly #defaults: Defaults

  /**
   * @param hasBranches whether its level has several lists
   * @param defaults the default filters that hold in the session
   */
  constructor(node: JoinNode, hasBranches: boolean, defaults: Defaults) {
    const { relation, where, orders, limit, undeferred } = node.plan
    this.#node = node
    this.#defaults = defaultsOf({ defaults }, node.plan)
    this.index = node.index
    this.level = node.level
    this.isList = relation.cardinality === 'many'
    this.#side = farSide(relation)
    this.#columns = columnsWith(relation.target, undeferred)
    this.#width = relation.target.rowColumns.length
    this.#isBranch = hasBranches && this.isList
    this.#isCut = this.isList
      ? limit !== undefined || !orders.every(isExposable)
      : !relation.target.isUnique(relation.pairs.map(([, remote]) => remote))
    this.shape =
      `+${this.#defaults.shape}${node.parent}.${relation.owner.id}.${relation.position}${this.#isBranch ? '|' : ''}` +
      `${limit === undefined ? '' : 'l'}${this.#columns.shape}(${where?.shape ?? ''})(${shapesOf(orders)})`
  }

  /** The columns of the target. */
  get columns(): readonly string[] {
    return this.#names.map((name) => `${aliasAt(this.index)}.${name}`)
  }

  /** Their names are those of their positions, whichever of them are read. */
  get #names(): readonly string[] {
    return this.#columns.list.map(({ position }) => nameAt(position))
  }

  /** Tells rows from the NULLs of an owner without rows. */
  get found(): string {
    const [key] = this.#keys
    return `${key} is not null`
  }

  /** What sorts the rows of each owner. */
  get orders(): readonly string[] {
    const alias = aliasAt(this.index)
    if (this.#isCut) return [`${alias}.${nameAt(this.#width)}`]
    if (this.#exposed.length === 0) return this.#keys
    return this.#exposed.map(({ direction, nulls }, index) => {
      const end = nulls === '' ? '' : ` nulls ${nulls}`
      return `${alias}.${nameAt(this.#width + index)} ${direction}${end}`
    })
  }

  get #keys(): readonly string[] {
    const { primaryKey } = this.#node.plan.relation.target
    return primaryKey.map(({ position }) => `${aliasAt(this.index)}.${nameAt(position)}`)
  }

  /** The orders whose values the sub-query gives, to be sorted by around it. */
  get #exposed(): readonly Ordering[] {
    return this.isList && !this.#isCut ? (this.#node.plan.orders as readonly Ordering[]) : []
  }

  write(sink: Sink): void {
    const { source, link } = this.#side
    const { relation, where, limit, orders: chosen } = this.#node.plan
    const orders = chosen.length > 0 ? chosen : byKey(source)
    const { through } = relation
    sink.text(' left join lateral (')
    const write = (from: () => void): void => {
      sink.text('select ')
      wholeRow(source, this.#columns).write(sink)
      this.#writeSorted(sink, orders)
      from()
      // Without a limit a row may come twice, if it is linked twice: it is then left out where rows are read.
      if (!this.#isCut) link?.write(sink)
      sink.text(' where ')
      if (this.#isBranch)
        sink.text(`${branchAlias(this.level)}.${branchName} = ${this.#node.branch} and `)
      const equal = (): void => this.#writeEqual(sink)
      if (this.#isCut && through !== undefined) writeLinked(sink, source, through, equal)
      else equal()
      writeFilter(sink, ' and ', this.#defaults.behind(relation), source)
      if (where !== undefined) {
        sink.text(' and (')
        where.write(sink)
        sink.text(')')
      }
      if (!this.#isCut) return
      sink.text(' order by ')
      writeList(sink, orders, ', ')
      if (!this.isList) sink.text(' limit 1')
      if (limit === undefined) return
      sink.text(' limit ')
      sink.parameter(String(limit))
    }
    sink.scope(source, write, this.#defaults)
    const more = this.#isCut && this.isList ? 1 : this.#exposed.length
    const names = [...this.#names, ...namesOf(more, this.#width)]
    sink.text(`) as ${aliasAt(this.index)} (${names.join(', ')}) on true`)
  }

  /** Values to sort by, behind the columns. */
  #writeSorted(sink: Sink, orders: readonly Order[]): void {
    if (this.#isCut && this.isList) {
      sink.text(', row_number() over (order by ')
      writeList(sink, orders, ', ')
      sink.text(')')
    }
    for (const { by } of this.#exposed) {
      sink.text(', ')
      by.write(sink)
    }
  }

  /** The far side has the key of the owner. */
  #writeEqual(sink: Sink): void {
    const pairs = nearPairs(this.#node.plan.relation)
    this.#side.nodes.forEach((node, index) => {
      if (index > 0) sink.text(' and ')
      node.write(sink)
      const pair = pairs[index]
      if (pair === undefined) return
      sink.text(` = ${aliasAt(this.#node.parent)}.${nameAt(pair[0].position)}${castOfPair(pair)}`)
    })
  }
}

/** Whether it sorts by a value: your own SQL may be several, or say its own direction. */
function isExposable(order: Order): boolean {
  return order instanceof Ordering && order.direction !== '' && order.by.isRaw !== true
}
