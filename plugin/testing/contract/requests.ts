import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { describe, type Database, optionError } from '../../../orm/index.ts'

/** An application with the plugin. */
export type ContractApp = Pick<FastifyInstance, 'inject' | 'ready'> & {
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
  const patterns = new Map<unknown, string>()
  const note = (message: unknown): void => {
    const { request: handled, route } = message as Handled
    if (route.url !== undefined) patterns.set(handled.raw, route.url)
  }
  subscribe(handlerStarts, note)
  try {
    const response: LightMyRequestResponse = await app.inject(options)
    const pattern = patterns.get(response.raw.req) ?? pathOf(options)
    const route = name ?? `${options.method ?? 'GET'} ${pattern}`
    return { route, status: response.statusCode }
  } finally {
    unsubscribe(handlerStarts, note)
  }
}

const handlerStarts = 'tracing:fastify.request.handler:start'

interface Handled {
  readonly request: { readonly raw: unknown }
  readonly route: { readonly url?: string }
}

/** The path of a request that no handler got. */
function pathOf({ url, path }: InjectOptions): string {
  const given = url ?? path ?? '/'
  const { pathname } = typeof given === 'string' ? new URL(given, 'http://localhost') : given
  return pathname ?? '/'
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
