import type { Entity } from '../entity/entity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import type { Fetched } from '../sql/fetched.ts'
import { type EntityCollector, FetchedEntities, type LoadContext } from './context.ts'
import type { JoinTree } from './join-tree.ts'
import type { Widths } from './joined-select.ts'

/** Makes the entities of all nodes of one table: an entity is made once, wherever its row is joined. */
class Shared {
  readonly #collector: EntityCollector
  #entities: readonly Entity[] | undefined
  #count = 0

  constructor(collector: EntityCollector) {
    this.#collector = collector
  }

  /** @returns the place of its entity in {@link entities} */
  row(row: Row): number {
    this.#collector.row(row)
    this.#count += 1
    return this.#count - 1
  }

  get entities(): readonly Entity[] {
    return (this.#entities ??= this.#collector.entities())
  }
}

/** The rows of a node of a tree of joins. A row that repeats the one before counts once. */
interface NodeRows {
  /** Where its columns begin. */
  readonly offset: number
  readonly width: number
  readonly keys: readonly number[]
  readonly shared: Shared
  /** For each of its rows, the place of its entity. */
  readonly places: number[]
  /** For each of its rows, the place of its owner among the rows of the parent. */
  readonly owners: number[]
  readonly rows: Row[]
  /** The place of the row that is read; -1 if there is none. */
  at: number
  isNew: boolean
}

/** What became of the rows of a node: the entity of each, with the place of its owner. */
export interface JoinedNode {
  readonly entities: readonly Entity[]
  readonly owners: readonly number[]
  readonly rows: readonly Row[]
}

type Read<T> = (entities: Entity[], nodes?: readonly JoinedNode[]) => T

/** Makes entities of the rows of a statement, and of the relations that are joined to them. */
export function fetchedWith<T>(
  context: LoadContext,
  table: TableMetadata,
  isLocked: boolean,
  widths: Widths,
  tree: JoinTree,
  read: Read<T>,
): FetchedEntities<T> | JoinedEntities<T> {
  return tree.nodes.length === 0
    ? new FetchedEntities(context, table, isLocked, read)
    : new JoinedEntities(context, table, isLocked, widths, tree, read)
}

class JoinedEntities<T> implements Fetched<T> {
  readonly #context: LoadContext
  readonly #table: TableMetadata
  readonly #isLocked: boolean
  readonly #widths: Widths
  readonly #tree: JoinTree
  readonly #read: Read<T>
  #nodes: NodeRows[] = []
  #last: Row | undefined
  /** Called for each row of the statement's own, with its place from 0 on. */
  eachRow: ((row: Row, index: number) => void) | undefined

  constructor(
    context: LoadContext,
    table: TableMetadata,
    isLocked: boolean,
    widths: Widths,
    tree: JoinTree,
    read: Read<T>,
  ) {
    this.#context = context
    this.#table = table
    this.#isLocked = isLocked
    this.#widths = widths
    this.#tree = tree
    this.#read = read
  }

  begin(): void {
    const { width, isNumbered } = this.#widths
    const sharedOf = new Map<TableMetadata, Shared>()
    const share = (target: TableMetadata, isLocked: boolean): Shared => {
      // Locked rows are newer than what the session holds, others are not.
      if (isLocked) return new Shared(this.#context.collect(target, true))
      let shared = sharedOf.get(target)
      if (shared === undefined) {
        shared = new Shared(this.#context.collect(target))
        sharedOf.set(target, shared)
      }
      return shared
    }
    let offset = 0
    const nodeOf = (target: TableMetadata, columns: number, isLocked: boolean): NodeRows => {
      const start = offset
      offset += columns
      return {
        offset: start,
        width: columns,
        keys: target.primaryKey.map(({ position }) => start + position),
        shared: share(target, isLocked),
        places: [],
        owners: [],
        rows: [],
        at: -1,
        isNew: false,
      }
    }
    this.#last = undefined
    this.#nodes = [nodeOf(this.#table, width, this.#isLocked)]
    if (isNumbered) offset += 1
    for (const { plan } of this.#tree.nodes) {
      const { target } = plan.relation
      this.#nodes.push(nodeOf(target, target.rowColumns.length, plan.locked !== undefined))
    }
  }

  row(row: Row): void {
    const nodes = this.#nodes
    const root = nodes[0] as NodeRows
    const last = this.#last
    root.isNew =
      !this.#widths.isNumbered || last === undefined || row[root.width] !== last[root.width]
    if (root.isNew) {
      this.#take(root, row, 0)
      this.eachRow?.(root.rows[root.at] as Row, root.at)
    }
    for (let index = 1; index < nodes.length; index += 1) {
      const node = nodes[index] as NodeRows
      const parent = nodes[this.#tree.nodes[index - 1]?.parent ?? 0] as NodeRows
      if (isAbsent(node, row)) {
        node.at = -1
        node.isNew = false
        continue
      }
      node.isNew = parent.isNew || node.at < 0 || last === undefined || !isRepeated(node, row, last)
      if (node.isNew) this.#take(node, row, parent.at)
    }
    this.#last = row
  }

  #take(node: NodeRows, row: Row, owner: number): void {
    const own = row.slice(node.offset, node.offset + node.width)
    node.places.push(node.shared.row(own))
    node.at = node.rows.length
    node.rows.push(own)
    node.owners.push(owner)
  }

  finish(): T {
    const nodes = this.#nodes.map(({ shared, places, owners, rows }): JoinedNode => {
      const { entities } = shared
      return { entities: places.map((place) => entities[place] as Entity), owners, rows }
    })
    this.#nodes = []
    this.#last = undefined
    return this.#read([...(nodes[0]?.entities ?? [])], nodes)
  }
}

/** Whether the owner has no row here: all columns of the key are NULL. */
function isAbsent({ keys }: NodeRows, row: Row): boolean {
  for (let index = 0; index < keys.length; index += 1)
    if (row[keys[index] as number] !== null) return false
  return true
}

function isRepeated({ keys }: NodeRows, row: Row, last: Row): boolean {
  for (let index = 0; index < keys.length; index += 1) {
    const at = keys[index] as number
    if (row[at] !== last[at]) return false
  }
  return true
}
