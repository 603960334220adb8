import type { StatementEnd } from '../../observe/observer.ts'
import type { Provenance } from '../../observe/operation.ts'
import type { CallSite } from '../../util/call-site.ts'
import { Calls } from '../calls.ts'
import type { ListResult } from '../lists.ts'
import { isOwnTable, isSameLoaded, type Loaded } from './trigger.ts'

export type Path = Provenance['path']

// A group does not keep more entities alive.
const mostOwners = 10_000

// As long as paths are.
const mostLevels = 32

/** The loads of one relation, or of the same columns, for entities that came from one list, one by one. */
export class RelationGroup {
  /** Undefined for entities that were read alone: they are a chain at most. */
  readonly list: ListResult | undefined
  /** From the list to the owners, without the relation itself. */
  readonly path: Path
  readonly loaded: Loaded
  readonly calls: Calls = new Calls()
  /** One of the statements. */
  sql = ''
  /** How often the program has read the relation where it was not loaded. */
  touches = 0
  /** For whom it was loaded. */
  #owners: Set<object> | undefined
  /** The number of owners on each level of a relation to the own table. */
  readonly #levels: number[] = []

  constructor(list: ListResult | undefined, path: Path, loaded: Loaded) {
    this.list = list
    this.path = path
    this.loaded = loaded
  }

  /** Whether it is the group of owners behind such a path. */
  has(path: Path, loaded: Loaded): boolean {
    const { length } = this.path
    const levels = path.length - length
    if (levels < 0 || !isSameLoaded(this.loaded, loaded)) return false
    for (let index = 0; index < length; index += 1)
      if (path[index] !== this.path[index]) return false
    return levels === 0 || levelOf(path, loaded) === levels
  }

  /**
   * A statement loads it for an entity.
   *
   * @param level how often the relation was followed before
   */
  add(
    owner: object,
    level: number,
    sql: string,
    site: CallSite | undefined,
  ): StatementEnd | undefined {
    const owners = (this.#owners ??= new Set())
    if (owners.has(owner)) return undefined
    if (owners.size < mostOwners) owners.add(owner)
    this.sql = sql
    if (level < mostLevels) this.#levels[level] = (this.#levels[level] ?? 0) + 1
    return this.calls.add(site)
  }

  /** No session is open: lets go of the owners. */
  release(): void {
    this.#owners = undefined
  }

  /** How many owners there are side by side. */
  get width(): number {
    return this.#levels.reduce((most, owners) => Math.max(most, owners), 0)
  }

  /** On how many levels it was loaded. */
  get depth(): number {
    return this.#levels.reduce((sum) => sum + 1, 0)
  }

  /** How many levels there are, with those that were loaded otherwise. */
  get levels(): number {
    return this.#levels.length
  }

  /** Whether its place is known well: of a loop, and another stack would not tell where most calls come from. */
  get isKnown(): boolean {
    const { count, haveLoop } = this.calls
    // At 4, 8, 16, …: more often where more calls come from.
    return haveLoop && (count & (count - 1)) !== 0
  }
}

/** The way to the owners, without the steps by the relation itself at its end: those are levels of one group. */
export function groupPath(path: Path, loaded: Loaded): Path {
  if (path.length === 0 || !isOwnTable(loaded)) return path
  return path.slice(0, path.length - levelOf(path, loaded))
}

/** How often a relation to the own table was followed to get to the owner. */
export function levelOf(path: Path, loaded: Loaded): number {
  if (loaded.loader === 'undefer' || !isOwnTable(loaded)) return 0
  const first = path.findLastIndex((relation) => relation !== loaded.relation)
  return path.length - 1 - first
}
