import { canGenerate, generate } from '../../util/code-generation.ts'

/** `Buffer` with a method of Node that its types do not name. It skips the checks of `toString`. */
interface Slices extends Buffer {
  utf8Slice(start: number, end: number): string
}

type ReadShort = (bytes: Uint8Array, at: number, length: number) => string | undefined

// Beyond, the call into the runtime costs no more.
const longest = 24

/** The text of UTF-8. */
export function readText(bytes: Buffer, at: number, length: number): string {
  return readShort(bytes, at, length) ?? (bytes as Slices).utf8Slice(at, at + length)
}

/** A short text of ASCII, without a call into the runtime. Undefined for another one. */
const readShort: ReadShort = canGenerate() ? generated() : () => undefined

// A case for each length, since only a call with a fixed number of arguments makes the text at once.
function generated(): ReadShort {
  const cases = Array.from({ length: longest }, (_, index) => {
    const codes = Array.from({ length: index + 1 }, (__, place) => `c${place}`)
    const reads = codes.map((code, place) => `${code} = bytes[at + ${place}]`)
    return `case ${index + 1}: {
      const ${reads.join(', ')};
      if ((${codes.join(' | ')}) < 128) return String.fromCharCode(${codes.join(', ')});
      return undefined;
    }`
  })
  return generate(
    [],
    [],
    `(bytes, at, length) => {
      switch (length) {
        case 0: return '';
        ${cases.join('\n')}
      }
      return undefined;
    }`,
  )
}
