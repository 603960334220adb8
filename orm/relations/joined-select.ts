import { columnsWith } from '../schema/row-columns.ts'
import { concatenated, placeColumn, placesOf, rowDecoder, widthOf } from '../schema/row-decoder.ts'
import type { RowDecoder } from '../schema/wire-form.ts'
import type { Defaults } from '../sql/defaults.ts'
import { quote } from '../sql/identifier.ts'
import { shapesOf, type Sink, type SqlNode } from '../sql/node.ts'
import { readStatement, type RowsRead } from '../sql/select.ts'
import type { Statement } from '../sql/statement.ts'
import { JoinedRelation } from './joined-relation.ts'
import type { JoinTree } from './join-tree.ts'
import { LockedRelation } from './locked-relation.ts'
import { branchAlias, branchName, nameAt } from './joined-names.ts'

/**
 * The statement of rows, with the relations that are joined to them.
 *
 * @param defaults the default filters that hold for these
 */
export function statementOf(rows: RowsRead, tree: JoinTree, defaults: Defaults): Statement {
  const { table, node, decoder } = rows
  if (tree.nodes.length === 0) return readStatement(table, node, decoder)
  const { isNumbered } = widthsOf(rows, tree)
  const joined = new JoinedSelect(node, decoder, tree, isNumbered, defaults)
  return readStatement(table, joined, decoderOf(decoder, tree, isNumbered))
}

/** How wide the own rows of a statement with joins are. */
export interface Widths {
  readonly width: number
  /** Whether each row has its number behind it: lists repeat it, and joins may change the order. */
  readonly isNumbered: boolean
}

export function widthsOf({ decoder, isOrdered }: RowsRead, tree: JoinTree): Widths {
  return { width: widthOf(decoder), isNumbered: isOrdered || tree.lists.size > 0 }
}

const decoders = new WeakMap<RowDecoder, Map<string, RowDecoder>>()

function decoderOf(root: RowDecoder, { nodes }: JoinTree, isNumbered: boolean): RowDecoder {
  const joined = nodes.map(({ plan: { relation, undeferred } }) => {
    const table = relation.target
    return { table, columns: columnsWith(table, undeferred) }
  })
  const shapes = joined.map(({ table, columns }) => `${table.id}(${columns.shape})`)
  const key = `${isNumbered ? '#' : ''}${shapes.join()}`
  let known = decoders.get(root)
  if (known === undefined) decoders.set(root, (known = new Map()))
  let decoder = known.get(key)
  if (decoder === undefined) {
    const number = isNumbered ? [placeColumn.decoder] : []
    const others = joined.map(({ table, columns }) => rowDecoder(table, columns))
    decoder = concatenated(root, number, others)
    known.set(key, decoder)
  }
  return decoder
}

/**
 * Joins relations to the rows of a statement, which stays as it is, in a sub-query: its limit counts its own
 * rows, its lock is on these, and your own SQL in it sees no other tables.
 */
class JoinedSelect implements SqlNode {
  readonly shape: string
  readonly #rows: SqlNode
  /** Where the values of the rows belong: their names say it too. */
  readonly #places: readonly number[]
  readonly #width: number
  readonly #tree: JoinTree
  readonly #isNumbered: boolean
  readonly #relations: readonly (JoinedRelation | LockedRelation)[]

  constructor(
    rows: SqlNode,
    decoder: RowDecoder,
    tree: JoinTree,
    isNumbered: boolean,
    defaults: Defaults,
  ) {
    this.#rows = rows
    this.#places = placesOf(decoder)
    this.#width = widthOf(decoder)
    this.#tree = tree
    this.#isNumbered = isNumbered
    // Behind the number of the row.
    let place = this.#width + 1
    this.#relations = tree.nodes.map((node) => {
      if (node.plan.locked === undefined)
        return new JoinedRelation(node, (tree.lists.get(node.level) ?? 0) > 1, defaults)
      const locked = new LockedRelation(node, place)
      place += locked.inner.length
      return locked
    })
    this.shape = `joined${isNumbered ? '#' : ''}(${rows.shape})${shapesOf(this.#relations)}`
  }

  write(sink: Sink): void {
    const number = this.#isNumbered ? [nameAt(this.#width)] : []
    const own = this.#places.map(nameAt)
    const locked = this.#relations.flatMap((each) =>
      each instanceof LockedRelation ? each.inner : [],
    )
    const names = [...own, ...locked, ...number]
    const columns = [...own, ...number].map((name) => `${quote('#0')}.${name}`)
    for (const relation of this.#relations) columns.push(...relation.columns)
    sink.text(`select ${columns.join(', ')} from (`)
    if (this.#isNumbered) sink.text(`select ${quote('#')}.*, row_number() over () from (`)
    this.#rows.write(sink)
    if (this.#isNumbered) sink.text(`) as ${quote('#')}`)
    sink.text(`) as ${quote('#0')} (${names.join(', ')})`)
    this.#writeBranches(sink, 0, '')
    for (const relation of this.#relations) {
      relation.write(sink)
      this.#writeBranches(sink, relation.index, relation.found)
    }
    if (!this.#isNumbered) return
    const orders = [`${quote('#0')}.${nameAt(this.#width)}`, ...this.#ordersIn(0)]
    sink.text(` order by ${orders.join(', ')}`)
  }

  /**
   * Several lists of one owner are a branch each: a row has an element of one of them. Joined to each other,
   * they would repeat the elements of one list for each element of the others.
   */
  #writeBranches(sink: Sink, level: number, found: string): void {
    const count = this.#tree.lists.get(level) ?? 0
    if (count < 2) return
    const numbers = Array.from({ length: count }, (_, index) => `(${index + 1})`).join(', ')
    const values = `(values ${numbers}) as ${branchAlias(level)} (${branchName})`
    sink.text(found === '' ? ` cross join ${values}` : ` left join ${values} on ${found}`)
  }

  #ordersIn(level: number): readonly string[] {
    const lists = this.#relations.filter((each) => each.isList && each.level === level)
    const branch = lists.length > 1 ? [`${branchAlias(level)}.${branchName}`] : []
    return [...branch, ...lists.flatMap((list) => [...list.orders, ...this.#ordersIn(list.index)])]
  }
}
