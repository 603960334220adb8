/** What is known of a request when its session has to be settled. */
export interface RequestEnd {
  /** The client left, or the response was ended behind the framework's back. */
  readonly isAborted: boolean
  /** An error was seen, whatever was answered to it. */
  readonly hasFailed: boolean
  /** What `commitOn` says of the response. */
  readonly isWanted: boolean
}

/** Whether a request's session is committed. Everything that is not clearly a success is rolled back. */
export function shouldCommit({ isAborted, hasFailed, isWanted }: RequestEnd): boolean {
  return !isAborted && !hasFailed && isWanted
}

/** The status that a response will have; a web `Response` brings its own after the hooks have run. */
export function statusOf(replyStatus: number, payload: unknown): number {
  return isResponse(payload) ? payload.status : replyStatus
}

// As Fastify tells one: it may come from another copy of fetch.
export function isResponse(payload: unknown): payload is Response {
  return Object.prototype.toString.call(payload) === '[object Response]'
}
