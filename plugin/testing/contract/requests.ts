import type { InjectOptions } from 'fastify'
import { describe, type Database, optionError } from '../../../orm/index.ts'
import { type Application, injected } from '../injected.ts'

/** An application with the plugin. */
export interface ContractApp extends Application {
  readonly dataBridge?: Database
}

/** What `app.inject()` takes, and a name if the method and the pattern of the route do not tell requests apart. */
export type ContractRequest = InjectOptions & { readonly name?: string }

export interface Answer {
  readonly route: string
  readonly status: number
}

/** Sends a request. The route has the name of the request, or is `GET /posts/:id`. */
export async function send(app: ContractApp, request: ContractRequest): Promise<Answer> {
  const { name, ...options } = request
  const { response, route } = await injected(app, options)
  return { route: name ?? route, status: response.statusCode }
}

/** A request that is given as it is, or for a number of rows. */
export function requestFor(
  given: ContractRequest | ((rows: number) => ContractRequest),
  rows: number,
): ContractRequest {
  const request: unknown = typeof given === 'function' ? given(rows) : given
  if (typeof request === 'object' && request !== null && ('url' in request || 'path' in request))
    return request as ContractRequest
  throw optionError(
    `databaseContract() expected requests such as { method: 'GET', url: '/posts' }, got ${describe(request)}`,
  )
}
