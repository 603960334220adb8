/** Fastify answers it with 404. */
class NotFoundError extends Error {
  readonly statusCode = 404

  constructor(what: string) {
    super(`There is no such ${what}.`)
  }
}

/** The row that was asked for, or a 404. */
export function found<T>(entity: T | null, what: string): T {
  if (entity === null) throw new NotFoundError(what)
  return entity
}
