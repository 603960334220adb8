import type { FindingParent } from '../observe/finding.ts'
import type { Operation, Provenance, RelationMetadata } from '../observe/operation.ts'
import { siteOf } from './source-position.ts'

/** The list that entities came from. */
export type ListResult = NonNullable<Provenance['list']>

/** A list of entities that the program has. */
export interface ReadList {
  readonly list: ListResult
  readonly path: readonly RelationMetadata[]
  readonly members: readonly object[]
}

// More would not make a finding better.
const mostLists = 64

/** The lists that the queries of a unit have read, and where. */
export class Lists {
  #rows: Map<object, number> | undefined
  #read: ReadList[] | undefined

  /** The lists with several entities, in the order in which they were read. */
  get all(): readonly ReadList[] {
    return this.#read ?? []
  }

  read({ list, path, members }: Provenance): void {
    if (list === undefined) return
    const root = rootOf(list)
    if (path.length === 0) {
      this.#rows ??= new Map()
      this.#rows.set(root, (this.#rows.get(root) ?? 0) + list.size)
    }
    if (members === undefined || (this.#read?.length ?? 0) >= mostLists) return
    ;(this.#read ??= []).push({ list, path, members })
  }

  /** No session is open: lets go of the entities. */
  release(): void {
    this.#read = undefined
  }

  /** How many rows a list has; of a stream, all its batches. */
  sizeOf(list: ListResult): number {
    return this.#rows?.get(rootOf(list)) ?? list.size
  }

  /** A list as findings name it. */
  parentOf(list: ListResult): FindingParent {
    const last = list.steps.at(-1)
    const site = (list.readBy as Operation | undefined)?.site
    return Object.freeze({
      target: last === undefined ? list.root.entityName : nameOf(last),
      rows: this.sizeOf(list),
      ...(site !== undefined && { site: siteOf(site) }),
    })
  }
}

/** What the batches of a stream, and all that comes from one list, have in common. */
export function rootOf(list: ListResult): object {
  return list.readBy ?? list
}

export function nameOf({ owner, name }: RelationMetadata): string {
  return `${owner.entityName}.${name}`
}
