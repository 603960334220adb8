import { columnsWith } from '../schema/row-columns.ts'
import type { Sink, SqlNode } from '../sql/node.ts'
import type { JoinNode } from './join-tree.ts'
import { aliasAt, nameAt, namesOf } from './joined-names.ts'

/** A relation whose rows the statement's own query has read and locked: they are newer than what a join would find. */
export class LockedRelation implements SqlNode {
  readonly shape: string
  readonly index: number
  readonly level: number
  readonly isList = false
  readonly found = ''
  readonly orders: readonly string[] = []
  /** The names of its columns in the statement's own rows. */
  readonly inner: readonly string[]
  readonly #names: readonly string[]

  /** @param first the place of its first column in the statement's own rows */
  constructor({ plan: { relation, undeferred }, index, level, parent }: JoinNode, first: number) {
    const columns = columnsWith(relation.target, undeferred)
    this.index = index
    this.level = level
    this.#names = columns.list.map(({ position }) => nameAt(position))
    this.inner = namesOf(this.#names.length, first)
    this.shape = `+${parent}.${relation.owner.id}.${relation.position}=${first}${columns.shape}`
  }

  get columns(): readonly string[] {
    return this.#names.map((name) => `${aliasAt(this.index)}.${name}`)
  }

  write(sink: Sink): void {
    const inner = this.inner.map((name) => `${aliasAt(0)}.${name}`)
    sink.text(
      ` cross join lateral (select ${inner.join(', ')}) as ${aliasAt(this.index)} (${this.#names.join(', ')})`,
    )
  }
}
