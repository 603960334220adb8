/** Fastify answers this error with 404. */
class NotFoundError extends Error {
  readonly statusCode = 404

  constructor(what: string) {
    super(`There is no such ${what}.`)
  }
}

/** Returns the row, or throws a 404 if there is none. */
export function found<T>(entity: T | null, what: string): T {
  if (entity === null) throw new NotFoundError(what)
  return entity
}
