import type { Session } from '../orm/index.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The session of this request: opened on first use, committed before the response leaves. */
    readonly session: Session
  }
}

export * from '../orm/index.ts'
export { dataBridge, dataBridge as default } from './plugin.ts'
export type { CommitOn, DataBridgeOptions, DataBridgeRouteOptions } from './options.ts'
