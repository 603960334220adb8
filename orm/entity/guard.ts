import { DataBridgeError } from '../errors.ts'

/**
 * Protects a method from assignments to an instance. Otherwise `Object.assign(user, request.body)` with a
 * key `toJSON` could show hidden columns. A class may still override the method.
 */
export function guardMethod(prototype: object, name: string): void {
  const method = Object.getOwnPropertyDescriptor(prototype, name)?.value as unknown
  if (typeof method !== 'function') return
  define(prototype, name, () => method)
}

/** The same for methods that the classes of an entity override. */
export function guardOverrides(prototype: object, root: object, name: string): void {
  for (let at = prototype; at !== root; at = Object.getPrototypeOf(at) as object)
    guardMethod(at, name)
}

/** Protects the prototype. With another one an entity would be a plain object, whose JSON has hidden columns too. */
export function guardPrototype(root: object): void {
  define(root, '__proto__', (entity) => Object.getPrototypeOf(entity) as unknown)
}

function define(prototype: object, name: string, get: (entity: object) => unknown): void {
  Object.defineProperty(prototype, name, {
    get(this: object) {
      return get(this)
    },
    set() {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_ENTITY',
        `${name} cannot be assigned to an entity, since hidden columns would be shown; assign its columns by name`,
      )
    },
    configurable: true,
  })
}
