import { canGenerate, generate } from '../../util/code-generation.ts'

/** `Buffer` with a method of Node that its types do not name. It skips the checks of `toString`. */
interface Slices extends Buffer {
  utf8Slice(start: number, end: number): string
}

type ReadShort = (bytes: Uint8Array, at: number) => string | undefined

// Beyond, the call into the runtime costs no more.
const longest = 24

/** Reads short texts of ASCII without a call into the runtime, by their length. Undefined for another text. */
const readers: readonly ReadShort[] = canGenerate()
  ? Array.from({ length: longest + 1 }, (_, length) => readerOf(length))
  : []

/** The text of UTF-8. */
export function readText(bytes: Buffer, at: number, length: number): string {
  const text = length < readers.length ? (readers[length] as ReadShort)(bytes, at) : undefined
  return text ?? (bytes as Slices).utf8Slice(at, at + length)
}

// One for each length, since only a call with a fixed number of arguments makes the text at once.
function readerOf(length: number): ReadShort {
  if (length === 0) return () => ''
  const codes = Array.from({ length }, (_, place) => `c${place}`)
  const reads = codes.map((code, place) => `${code} = bytes[at + ${place}]`)
  return generate(
    [],
    [],
    `(bytes, at) => {
      const ${reads.join(', ')};
      return (${codes.join(' | ')}) < 128 ? String.fromCharCode(${codes.join(', ')}) : undefined;
    }`,
  )
}
