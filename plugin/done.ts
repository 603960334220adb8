import type { Answers } from './answers.ts'

/** What goes on to the next hook: a payload or an error. */
export type Done = (error: Error | null, payload?: unknown) => void

/** Fastify may throw when it goes on, for example at a header that cannot be sent. That is the request's error then. */
export function handOn(payload: unknown, done: Done, answers: Answers): void {
  try {
    done(null, payload)
    answers.left()
  } catch (error) {
    handOnError(error, done)
  }
}

/** Fastify throws again if the first value thrown was not an Error. */
export function handOnError(error: unknown, done: Done): void {
  try {
    done(error as Error)
  } catch (second) {
    done(second as Error)
  }
}
