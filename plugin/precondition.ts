import type { FastifyRequest } from 'fastify'
import { DataBridgeError, listed, safeError, storedVersion, type WriteGuard } from '../orm/index.ts'
import { entityTag, sentBy } from './entity-tags.ts'
import { wantedTags, type WantedTags } from './if-match.ts'

/**
 * What `If-Match` demands of a request: the one entity with a version that it updates or deletes has to have had one of
 * these tags when it was read. A request that writes none is compared by the entity that it answers.
 */
export class Precondition implements WriteGuard {
  readonly #request: FastifyRequest
  readonly #tags: WantedTags
  /** The entity that is written, and its row: a rollback makes another entity of the same row. */
  #target: { readonly entity: object; readonly row: string } | undefined
  #inserted: Set<object> | undefined
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

  check(written: readonly object[], inserted: readonly object[]): void {
    for (const entity of inserted) (this.#inserted ??= new Set()).add(entity)
    const last = this.#target
    const targets = new Map(last && [[last.row, last.entity]])
    for (const entity of written)
      if (this.#inserted?.has(entity) !== true) targets.set(rowOf(entity), entity)
    if (targets.size > 1) throw severalError([...targets.values()])
    for (const [row, entity] of targets) {
      if (entity === last?.entity) continue
      this.#require(entity)
      this.#target = { entity, row }
    }
  }

  /** Called when everything is flushed, before the first commit. */
  settle(): void {
    if (this.#target !== undefined || this.#hasCommitted) return
    const sent = sentBy(this.#request)
    if (storedVersion(sent) !== undefined) this.#require(sent as object)
    else if (this.#inserted !== undefined) throw unmetError()
  }

  committed(): void {
    this.#hasCommitted = true
  }

  explain(error: unknown): unknown {
    if (this.#target === undefined || !(error instanceof DataBridgeError)) return error
    if (error.code !== 'DATA_BRIDGE_ERR_STALE') return error
    return error.table === storedVersion(this.#target.entity)?.table ? unmetError(error) : error
  }

  #require(entity: object): void {
    // A row that this request inserts did not exist before, so that not even `*` matches it.
    if (this.#inserted?.has(entity) === true) throw unmetError()
    const tag = entityTag(entity)
    if (this.#tags === 'any' || (tag !== undefined && this.#tags.includes(tag))) return
    throw unmetError()
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
