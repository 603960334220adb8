import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'

/** What is needed of an application; every `FastifyInstance` has it. */
export interface Application {
  inject(request: InjectOptions | string): PromiseLike<LightMyRequestResponse>
  ready(): unknown
}

/** A response, and the route that gave it: `GET /posts/:id`, or the path if no handler got the request. */
export interface Answered {
  readonly response: LightMyRequestResponse
  readonly route: string
}

/** Sends a request by `inject()`. */
export async function injected(
  app: Application,
  request: InjectOptions | string,
): Promise<Answered> {
  const patterns = new Map<unknown, string>()
  const note = (message: unknown): void => {
    const { request: handled, route } = message as Handled
    if (route.url !== undefined) patterns.set(handled.raw, route.url)
  }
  subscribe(handlerStarts, note)
  try {
    const response = await app.inject(request)
    const { method = 'GET', ...where } = typeof request === 'string' ? { url: request } : request
    const path = patterns.get(response.raw.req) ?? pathOf(where)
    return { response, route: `${method.toUpperCase()} ${path}` }
  } finally {
    unsubscribe(handlerStarts, note)
  }
}

// Fastify's own channel: it knows the pattern of the route.
const handlerStarts = 'tracing:fastify.request.handler:start'

interface Handled {
  readonly request: { readonly raw: unknown }
  readonly route: { readonly url?: string }
}

function pathOf({ url, path }: InjectOptions): string {
  const given = url ?? path ?? '/'
  const { pathname } = typeof given === 'string' ? new URL(given, 'http://localhost') : given
  return pathname ?? '/'
}
