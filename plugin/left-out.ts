import type { FastifyReply, FastifyRequest } from 'fastify'
import { DataBridgeError, type LeftOut, watchLeftOut, withPlainEntities } from '../orm/index.ts'

/** A payload with entities that is serialized by a response schema, for the error of a serializer that fails. */
export const payloadSlot: unique symbol = Symbol('fastify-data-bridge.payload')

type Slots = { [payloadSlot]?: unknown }

export function keepPayload(request: FastifyRequest, payload: unknown): void {
  ;(request as unknown as Slots)[payloadSlot] = payload
}

/**
 * Gives the error of a serializer a cause that says what the response schema misses in an entity: a relation or a
 * deferred column that is not loaded, or a hidden column. It serializes the payload again, and watches what is read.
 * The error itself, which clients may see, names nothing any more.
 */
export function explainLeftOut(request: FastifyRequest, reply: FastifyReply, error: unknown): void {
  const payload = (request as unknown as Slots)[payloadSlot] ?? null
  if (payload === null || !isOfSerializer(error)) return
  keepPayload(request, null)
  const name = /^"(.+)" is required!$/.exec(error.message)?.[1]
  const leftOut = attempt(() => findLeftOut(reply, payload, name))
  if (leftOut === undefined) return
  const { method, routeOptions } = request
  const verb = name === undefined ? 'may require' : 'requires'
  const reader = `the response schema of ${method} ${routeOptions.url ?? request.url} ${verb} it`
  const explained = new DataBridgeError(codeOf(leftOut), messageOf(leftOut, reader), {
    cause: error.cause,
  })
  // Fastify takes no other error from a hook. The stack, made at its first read, keeps the message.
  void error.stack
  Object.defineProperties(error, {
    message: { value: explained.clientMessage, configurable: true, writable: true },
    cause: { value: explained, configurable: true, writable: true },
  })
  Object.assign(error, { code: explained.code, statusCode: explained.statusCode })
}

/** Undefined if the payload has code of the program that fails this time: the first error is the one to tell. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

// Fastify marks them.
function isOfSerializer(error: unknown): error is Error {
  return error instanceof Error && !(error instanceof DataBridgeError) && 'serialization' in error
}

/** @param name what the serializer says is missing, if it says so */
function findLeftOut(
  reply: FastifyReply,
  payload: unknown,
  name: string | undefined,
): LeftOut | undefined {
  // `undefined`: read of an object that is no entity, and does not have it.
  const read: (LeftOut | undefined)[] = []
  const isMeant = (leftOut: LeftOut | undefined): boolean =>
    name === undefined || leftOut === undefined || leftOut.property === name
  const watched = watchLeftOut(
    (leftOut) => void read.push(leftOut),
    () => withPlainEntities(payload),
  )
  const told = name === undefined ? watched : telling(watched, name, read)
  for (const serialize of serializersOf(reply)) {
    try {
      serialize(told as never)
    } catch {
      if (read.some(isMeant)) return read.findLast(isMeant)
    }
  }
  // A later hook has put the payload into another object.
  if (name !== undefined) readEverywhere(watched, name)
  return name === undefined ? undefined : read.find((leftOut) => leftOut && isMeant(leftOut))
}

/** A value whose objects tell that they do not have a property, unless they are entities, which tell it themselves. */
function telling<T>(value: T, name: string, read: (LeftOut | undefined)[]): T {
  if (!Array.isArray(value) && !isPlainObject(value)) return value
  return new Proxy(value as T & object, {
    get(target, property, receiver) {
      const before = read.length
      const got: unknown = Reflect.get(target, property, receiver)
      if (property === name && got === undefined && read.length === before) read.push(undefined)
      // A proxy has to give the very value of a frozen object.
      const isFixed = Reflect.getOwnPropertyDescriptor(target, property)?.configurable === false
      return isFixed ? got : telling(got, name, read)
    },
  })
}

function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

type Serialize = (payload: never) => unknown

/** What may have serialized the payload: what the reply or the scope chose, or the schema of its status and content type. */
function serializersOf(reply: FastifyReply): readonly Serialize[] {
  const own: Serialize = (payload) => reply.serialize(payload)
  const status = String(reply.statusCode)
  const type = String(reply.getHeader('content-type') ?? '').split(';')[0] as string
  const bySchema = [status, `${status.charAt(0)}xx`, 'default'].flatMap((code) =>
    [undefined, type, '*/*'].map((media) => reply.getSerializationFunction(code, media)),
  )
  return [own, ...bySchema.filter((serialize) => typeof serialize === 'function')]
}

function readEverywhere(value: unknown, name: string, path: Set<unknown> = new Set()): void {
  if (typeof value !== 'object' || value === null || path.has(value)) return
  path.add(value)
  if (!Array.isArray(value)) void (value as Record<string, unknown>)[name]
  for (const below of Object.values(value)) readEverywhere(below, name, path)
}

function codeOf({
  why,
}: LeftOut): 'DATA_BRIDGE_ERR_RELATION_NOT_LOADED' | 'DATA_BRIDGE_ERR_ENTITY' {
  return why === 'not loaded' || why === 'not shown'
    ? 'DATA_BRIDGE_ERR_RELATION_NOT_LOADED'
    : 'DATA_BRIDGE_ERR_ENTITY'
}

function messageOf({ table, property, why }: LeftOut, reader: string): string {
  const entity = table.entityName
  const name = `${entity}.${property}`
  const load = (loader: string): string => `load it with the query: .options(${loader})`
  switch (why) {
    case 'not loaded':
      return `${name} is not loaded, and ${reader}: ${load(`selectinload(${name})`)}`
    case 'deferred':
      return `${name} is not loaded, since it is deferred, and ${reader}: ${load(`undefer(${entity}, '${property}')`)}`
    case 'hidden':
      return `${name} is hidden, so JSON leaves it out, and ${reader}: take it out of the schema, or remove hidden()`
    case 'not shown':
      return (
        `${name} is loaded, but not by the query of this result, or it leads back to an entity around it, ` +
        `and ${reader}: ${load(`selectinload(${name})`)}, or make it optional in the schema`
      )
  }
}
