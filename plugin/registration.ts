import type { FastifyInstance } from 'fastify'
import type { Settings } from './options.ts'

/** What the sessions of one registration have in common. */
export interface Registration {
  readonly settings: Settings
  readonly shutdown: AbortSignal
  /** Its place among all registrations. */
  readonly order: number
}

const slot: unique symbol = Symbol('fastify-data-bridge.registrations')

/** The registrations whose hooks see the requests of a scope: its own, and those of the scopes above. */
export function registrationsOf(app: FastifyInstance): readonly Registration[] {
  return (app as { readonly [slot]?: readonly Registration[] })[slot] ?? []
}

export function addRegistration(app: FastifyInstance, registration: Registration): void {
  const value = [...registrationsOf(app), registration]
  // Fastify does not replace a decorator in its scope.
  Object.defineProperty(app, slot, { value, configurable: true })
}
