import type { FastifyRequest } from 'fastify'
import { DataBridgeError, listed, safeError, storedVersion, type WriteGuard } from '../orm/index.ts'
import { entityTag, sentBy } from './entity-tags.ts'
import { wantedTags, type WantedTags } from './if-match.ts'

/** What a session has written, without what was rolled back. Immutable. */
interface Written {
  /** The entity that is updated or deleted, and its row: a rollback makes another entity of the same row. */
  readonly target: { readonly entity: object; readonly row: string } | undefined
  readonly inserted: ReadonlySet<object>
}

const nothing: Written = { target: undefined, inserted: new Set() }

/**
 * What `If-Match` demands of a request: the one entity with a version that it updates or deletes has to have had one of
 * these tags when it was read. A request that writes none is compared by the entity that it answers.
 */
export class Precondition {
  readonly #request: FastifyRequest
  readonly #tags: WantedTags
  readonly #guards: SessionGuard[] = []
  #hasCommitted = false

  private constructor(request: FastifyRequest, tags: WantedTags) {
    this.#request = request
    this.#tags = tags
  }

  /** Of a request whose route has tags. Undefined if the request has no `If-Match`. Throws if that is malformed. */
  static of(request: FastifyRequest): Precondition | undefined {
    const header = request.headers['if-match']
    return header === undefined ? undefined : new Precondition(request, wantedTags(header))
  }

  /** The guard of one of the sessions of the request. */
  guard(): WriteGuard {
    const guard = new SessionGuard(this)
    this.#guards.push(guard)
    return guard
  }

  /** What a session has written when it writes more. Throws if it must not. */
  checked(
    { target, inserted }: Written,
    written: readonly object[],
    added: readonly object[],
  ): Written {
    const all = added.length === 0 ? inserted : new Set([...inserted, ...added])
    const targets = new Map(target && [[target.row, target.entity]])
    for (const entity of written) if (!all.has(entity)) targets.set(rowOf(entity), entity)
    const others = this.#guards.flatMap(({ seen }) => seen.target ?? [])
    const ofOthers = others.filter((one) => one !== target).map(({ entity }) => entity)
    if (targets.size + ofOthers.length > 1) throw severalError([...ofOthers, ...targets.values()])
    const [next] = targets
    if (next === undefined) return { target, inserted: all }
    const [row, entity] = next
    if (entity !== target?.entity) this.#require(entity)
    return { target: { entity, row }, inserted: all }
  }

  /** Called when everything is flushed, before the first commit. */
  settle(): void {
    if (this.#hasCommitted || this.#guards.some(({ seen }) => seen.target !== undefined)) return
    const sent = sentBy(this.#request)
    if (storedVersion(sent) !== undefined) this.#require(sent as object)
    else if (this.#guards.some(({ seen }) => seen.inserted.size > 0)) throw unmetError()
  }

  committed(): void {
    this.#hasCommitted = true
  }

  #require(entity: object): void {
    // A row that this request inserts did not exist before, so that not even `*` matches it.
    if (this.#guards.some(({ seen }) => seen.inserted.has(entity))) throw unmetError()
    const tag = entityTag(entity)
    if (this.#tags === 'any' || (tag !== undefined && this.#tags.includes(tag))) return
    throw unmetError()
  }
}

class SessionGuard implements WriteGuard {
  readonly #precondition: Precondition
  #seen = nothing
  /** What a rollback leaves. */
  #saved = nothing

  constructor(precondition: Precondition) {
    this.#precondition = precondition
  }

  get seen(): Written {
    return this.#seen
  }

  check(written: readonly object[], inserted: readonly object[]): void {
    this.#seen = this.#precondition.checked(this.#seen, written, inserted)
  }

  checkQuery(what: string): void {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_FLUSH',
      `If-Match expected a request that writes one entity with a version, got ${what}, whose rows cannot be compared; ` +
        'nothing was written: change the entity and let the session flush it, or leave out etag: true on this route',
    )
  }

  committed(): void {
    this.#saved = this.#seen
    this.#precondition.committed()
  }

  mark(): Written {
    return this.#seen
  }

  undoneTo(mark: Written = this.#saved): void {
    this.#seen = mark
  }

  explain(error: unknown): unknown {
    const { target } = this.#seen
    if (target === undefined || !(error instanceof DataBridgeError)) return error
    if (error.code !== 'DATA_BRIDGE_ERR_STALE') return error
    return error.table === storedVersion(target.entity)?.table ? unmetError(error) : error
  }
}

function rowOf(entity: object): string {
  const stored = storedVersion(entity)
  return JSON.stringify([stored?.table, stored?.key])
}

function unmetError(cause?: unknown): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_PRECONDITION',
    'If-Match names another version than the row has, or a row that does not exist; nothing was written',
    { cause },
  )
}

function severalError(entities: readonly object[]): DataBridgeError {
  const names = [...new Set(entities.map(({ constructor }) => constructor.name))]
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_FLUSH',
    `If-Match expected a request that writes one entity with a version, got ${entities.length}, of ${listed(names)}; ` +
      'nothing was written: leave out etag: true on this route, or write the others in another request',
  )
}
