import type { RelationRef } from '../entity/types.ts'
import { describe } from '../errors.ts'
import type { Finding, FindingKind } from '../observe/finding.ts'
import { isRelationRef, relationOf } from '../schema/relation-ref.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import { listed } from '../util/messages.ts'
import { optionError, refuseUnknown, requireOneOf } from '../util/option-checks.ts'
import { nameOf } from './lists.ts'

/** A pattern that is accepted. All that is given has to match. It has a relation or a target, and a reason. */
export interface NPlusOneAllowance {
  /** `Post.comments`: a relation that is loaded one by one. */
  readonly relation?: RelationRef<never, unknown> | undefined
  /** The `target` of the finding: `User`, `SELECT posts`. */
  readonly target?: string | undefined
  readonly kind?: FindingKind | undefined
  /** Method and path of a route: `GET /posts/:id`. */
  readonly route?: string | undefined
  /** The file of the `site` of the finding, or its last parts: `routes/posts.ts`. In the mode `'count'` few findings have one. */
  readonly file?: string | undefined
  /** Why it is accepted. */
  readonly reason: string
  /** The first day on which it does not count any more: `2027-01-01`. */
  readonly until?: string | undefined
}

interface Entry {
  readonly allowance: NPlusOneAllowance
  readonly relation: RelationMetadata | undefined
  /** In milliseconds since 1970. */
  readonly endsAt: number
}

const kinds: readonly FindingKind[] = [
  'n1.relation',
  'n1.get',
  'n1.query',
  'n1.write',
  'n1.recursive',
  'n1.latent',
  'duplicate',
  'eager.unused',
  'budget',
  'slope',
  'tx.external_io',
]

/** The patterns of a database that are accepted. */
export class AllowList {
  readonly #entries: readonly Entry[]
  readonly #matched = new Set<Entry>()
  readonly #warned = new Set<Entry>()
  readonly #routes = new Set<string>()
  #isWatched = false

  constructor(allowances: readonly NPlusOneAllowance[] = []) {
    this.#entries = allowances.map((allowance) => ({
      allowance,
      relation: allowance.relation && relationOf(allowance.relation, 'nPlusOne.allow'),
      endsAt: allowance.until === undefined ? Infinity : Date.parse(allowance.until),
    }))
    for (const entry of this.#entries) this.#counts(entry)
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  /** @param route that of the request in which it was found */
  allows(finding: Finding, route: string | undefined): boolean {
    let isAllowed = false
    for (const entry of this.#entries) {
      if (!matches(entry, finding, route) || !this.#counts(entry)) continue
      this.#matched.add(entry)
      isAllowed = true
    }
    return isAllowed
  }

  /** A request or a job has ended whose findings were compared with the list. */
  watched(route: string | undefined): void {
    if (this.isEmpty) return
    this.#isWatched = true
    if (route !== undefined) this.#routes.add(route)
  }

  /** The entries that have matched nothing, though something was watched; those of a route only if it was requested. */
  get stale(): readonly NPlusOneAllowance[] {
    if (!this.#isWatched) return []
    return this.#entries
      .filter((entry) => !this.#matched.has(entry))
      .map(({ allowance }) => allowance)
      .filter(({ route }) => route === undefined || this.#routes.has(route))
  }

  /** Refuses targets that name an entity or a relation that none of the tables has, if there are tables. */
  requireTargets(tables: readonly TableMetadata[]): void {
    if (tables.length === 0) return
    for (const [index, { allowance }] of this.#entries.entries())
      if (allowance.target !== undefined)
        requireTarget(allowance.target, tables, `nPlusOne.allow[${index}].target`)
  }

  /** Warns once of an entry whose time is over. */
  #counts(entry: Entry): boolean {
    if (Date.now() < entry.endsAt) return true
    if (this.#warned.has(entry)) return false
    this.#warned.add(entry)
    process.emitWarning(
      `nPlusOne.allow: the entry for ${whatOf(entry.allowance)} has ended at ${entry.allowance.until}; it is ignored`,
      { code: 'DATA_BRIDGE_N_PLUS_ONE_ALLOW' },
    )
    return false
  }
}

/** What an entry is about, for messages. */
export function whatOf({ relation, target, kind, route, file }: NPlusOneAllowance): string {
  const name = relation === undefined ? target : nameOf(relationOf(relation, 'nPlusOne.allow'))
  return [kind, name, route, file].filter((each) => each !== undefined).join(' ')
}

function matches(
  { allowance: { target, kind, route, file }, relation }: Entry,
  finding: Finding,
  routeOfFinding: string | undefined,
): boolean {
  return (
    (relation === undefined || nameOf(relation) === finding.target) &&
    (target === undefined || target === finding.target) &&
    (kind === undefined || kind === finding.kind) &&
    (route === undefined || route === routeOfFinding) &&
    (file === undefined || isFile(finding.site?.file, file))
  )
}

function isFile(path: string | undefined, end: string): boolean {
  const parts = path?.replaceAll('\\', '/')
  return parts === end || parts?.endsWith(`/${end}`) === true
}

const optionNames = ['relation', 'target', 'kind', 'route', 'file', 'reason', 'until']

/** Refuses entries that are wrong, and those that could match nothing. */
export function requireAllowances(allow: unknown): void {
  if (allow === undefined) return
  if (!Array.isArray(allow))
    throw optionError(`nPlusOne.allow expected a list of entries, got ${describe(allow)}`)
  for (const [index, entry] of allow.entries()) requireAllowance(entry, `nPlusOne.allow[${index}]`)
}

function requireAllowance(entry: unknown, where: string): void {
  if (typeof entry !== 'object' || entry === null)
    throw optionError(
      `${where} expected an object such as { relation: Post.comments, reason: '…' }, got ${describe(entry)}`,
    )
  refuseUnknown(entry, optionNames, where)
  const { relation, target, kind, route, file, reason, until } = entry as NPlusOneAllowance
  if (typeof reason !== 'string' || reason.trim() === '')
    throw optionError(
      `${where}.reason expected why the pattern is accepted, got ${describe(reason)}`,
    )
  if (relation === undefined && target === undefined)
    throw optionError(`${where} expected a relation or a target, got neither`)
  if (relation !== undefined && !isRelationRef(relation))
    throw optionError(
      `${where}.relation expected a relation such as Post.comments, got ${describe(relation)}`,
    )
  // Refuses a name that its table does not have.
  if (relation !== undefined) relationOf(relation, `${where}.relation`)
  requireText(`${where}.target`, target)
  requireOneOf(`${where}.kind`, kind, kinds)
  requireText(`${where}.file`, file)
  if (route !== undefined && !(typeof route === 'string' && /^[A-Z]+ \S+$/.test(route)))
    throw optionError(
      `${where}.route expected a method and a path such as 'GET /posts/:id', got ${describe(route)}`,
    )
  if (until !== undefined && !isDay(until))
    throw optionError(`${where}.until expected a day such as '2027-01-01', got ${describe(until)}`)
}

function requireText(option: string, value: unknown): void {
  if (value === undefined || (typeof value === 'string' && value !== '')) return
  throw optionError(`${option} expected a text, got ${describe(value)}`)
}

function isDay(value: unknown): boolean {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) return false
  const day = new Date(value)
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value)
}

function requireTarget(target: string, tables: readonly TableMetadata[], where: string): void {
  // A statement or a route.
  if (target.includes(' ')) return
  const [entity = '', relation] = target.split('.')
  const table = tables.find(({ entityName }) => entityName === entity)
  const names = tables.map(({ entityName }) => entityName)
  if (table === undefined)
    throw optionError(`${where} expected one of the tables ${listed(names)}, got ${target}`)
  if (relation === undefined || table.relations.has(relation)) return
  const relations = [...table.relations.keys()]
  throw optionError(
    `${where} expected a relation of ${entity}, which has ${listed(relations)}; got ${target}`,
  )
}
