import type { Session } from '../orm/index.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The session of this request. It opens on first use and commits before the response leaves. */
    readonly session: Session
  }
}

export * from '../orm/index.ts'
export { dataBridge, dataBridge as default } from './plugin.ts'
export type { CommitOn } from './commit-on.ts'
export type { DataBridgeOptions } from './options.ts'
export type { DataBridgeRouteOptions } from './route-options.ts'
