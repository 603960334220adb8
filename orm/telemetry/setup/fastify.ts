import { subscribe } from 'node:diagnostics_channel'
import { load } from './packages.ts'

/** What is used of `@fastify/otel`, which this room may not import. */
interface FastifyOtel {
  readonly FastifyOtelInstrumentation: new (options: {
    readonly registerOnInitialization: boolean
    readonly instrumentHooks: boolean
    readonly instrumentHandler: boolean
  }) => object
}

interface FastifyInstance {
  addHook(name: 'onClose', hook: () => Promise<void>): void
}

/** Gives every Fastify that is made from now on its request spans. Spans of hooks would be many, and say little. */
export function traceFastify(): object {
  const { FastifyOtelInstrumentation } = load<FastifyOtel>('@fastify/otel')
  return new FastifyOtelInstrumentation({
    registerOnInitialization: true,
    instrumentHooks: false,
    instrumentHandler: false,
  })
}

/** Calls back when a Fastify that is made from now on has answered its last request. */
export function onFastifyClose(callback: () => Promise<void>): void {
  subscribe('fastify.initialization', (message) => {
    const { fastify } = message as { readonly fastify: FastifyInstance }
    fastify.addHook('onClose', callback)
  })
}
