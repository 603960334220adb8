/** Whether an object is written as `{ … }`, and is no instance of a class, such as a Date or an entity. */
export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
