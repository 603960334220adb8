/** `Buffer` with methods of Node that its types do not name. They skip the checks of `toString`. */
interface Slices extends Buffer {
  utf8Slice(start: number, end: number): string
  latin1Slice(start: number, end: number): string
}

export function utf8At(bytes: Buffer, start: number, end: number): string {
  return (bytes as Slices).utf8Slice(start, end)
}

export function latin1At(bytes: Buffer, start: number, end: number): string {
  return (bytes as Slices).latin1Slice(start, end)
}

export function int32At(bytes: Buffer, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

export function int16At(bytes: Buffer, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}
