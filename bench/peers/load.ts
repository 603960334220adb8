import type { LoadRequest } from './routes.ts'

/** So many requests to a server on this machine. Each connection has its own list, and sends it in a circle. */
export interface Load {
  readonly port: number
  readonly amount: number
  readonly requests: readonly (readonly LoadRequest[])[]
}

export interface LoadReply {
  /** From the first request to the last response. */
  readonly milliseconds: number
  readonly responses: number
  /** Responses without a status from 200 to 299, errors of sockets, and timeouts. */
  readonly failures: number
}
