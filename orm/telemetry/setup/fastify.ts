import { subscribe } from 'node:diagnostics_channel'
import type { Diagnostics } from './diagnostics.ts'
import { isLoaded, load } from './packages.ts'

interface FastifyInstance {
  addHook(name: 'onClose', hook: () => Promise<void>): void
  register(plugin: FastifyPlugin): void
}

type FastifyPlugin = (fastify: FastifyInstance, options: unknown, done: () => void) => void

/** What is used of `@fastify/otel`, which this room may not import. */
interface FastifyOtel {
  readonly FastifyOtelInstrumentation: new (options: {
    readonly instrumentHooks: boolean
    readonly instrumentHandler: boolean
  }) => { plugin(): FastifyPlugin }
}

/**
 * Gives every Fastify that is made from now on its request spans, but in an application that has
 * loaded `@fastify/otel` and registers it: Fastify would refuse the second. Spans of hooks would be
 * many, and say little.
 */
export function traceFastify(diagnostics: Diagnostics): void {
  let instrument: FastifyPlugin | undefined
  onFastify((fastify) => {
    if (instrument === undefined && isLoaded('@fastify/otel')) {
      return diagnostics.info('the application has loaded @fastify/otel: it is left to register it')
    }
    instrument ??= instrumentation()
    // At once, and not when Fastify gets to its plugins: it has to see every hook and route.
    instrument(fastify, undefined, () => {})
    fastify.register(marker)
  })
}

/** Calls back when a Fastify that is made from now on has answered its last request. */
export function onFastifyClose(callback: () => Promise<void>): void {
  onFastify((fastify) => fastify.addHook('onClose', callback))
}

function onFastify(callback: (fastify: FastifyInstance) => void): void {
  subscribe('fastify.initialization', (message) => {
    callback((message as { readonly fastify: FastifyInstance }).fastify)
  })
}

function instrumentation(): FastifyPlugin {
  const { FastifyOtelInstrumentation } = load<FastifyOtel>('@fastify/otel')
  const options = { instrumentHooks: false, instrumentHandler: false }
  return new FastifyOtelInstrumentation(options).plugin()
}

// What makes `app.hasPlugin('@fastify/otel')` true.
const marker: FastifyPlugin = Object.assign(
  (_fastify: FastifyInstance, _options: unknown, done: () => void) => done(),
  {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: '@fastify/otel',
  },
)
