import { laneError } from './lane-error.ts'
import type { Parameter } from './part.ts'
import type { Step } from './step.ts'

/** The frontend messages of an exchange, with one Sync behind them. */
export function encodeExchange(steps: readonly Step[]): Buffer {
  let atMost = sync.length
  for (let at = 0; at < steps.length; at += 1) atMost += sizeAtMost(steps[at]!)
  if (atMost > slabSize / 4) return encodeLarge(steps)
  if (slab.length - used < atMost) {
    slab = Buffer.allocUnsafeSlow(slabSize)
    used = 0
  }
  const start = used
  used = write(steps, slab, start)
  return slab.subarray(start, used)
}

/**
 * Small exchanges are written one behind the other into one slab, since a new buffer for each costs more.
 * No byte is written twice: the socket may still hold the earlier ones.
 */
const slabSize = 64 * 1024
let slab = Buffer.allocUnsafeSlow(slabSize)
let used = 0

function encodeLarge(steps: readonly Step[]): Buffer {
  let size = sync.length
  for (let at = 0; at < steps.length; at += 1) {
    const ofStep = sizeOf(steps[at]!)
    if (ofStep > mostBytes)
      throw laneError(
        'Expected a statement of less than 1 GB with its parameters, got a larger one',
      )
    size += ofStep
  }
  const bytes = Buffer.allocUnsafeSlow(size)
  const end = write(steps, bytes, 0)
  return bytes.subarray(0, end)
}

// PostgreSQL takes no longer message, and ends the connection.
const mostBytes = 0x3fff_ffff

// What a step takes without its texts and parameters: eight message headers and their counts.
const fixedSize = 72
// A Close message with a name of 63 bytes.
const closeSize = 70

function sizeAtMost({ part, parses, closes, statement, format }: Step): number {
  const { text, parameters } = part
  let size =
    fixedSize + 6 * parameters.length + (format?.codes.length ?? 0) + closes.length * closeSize
  if (statement !== undefined) size += 4 * statement.bindHead.length
  if (parses) size += 3 * text.length
  for (let at = 0; at < parameters.length; at += 1) {
    const parameter = parameters[at]!
    if (parameter === null) continue
    size += typeof parameter === 'string' ? 3 * parameter.length : parameter.length
  }
  return size
}

function sizeOf({ part, parses, closes, statement, format }: Step): number {
  const { text, parameters } = part
  let size =
    fixedSize + 6 * parameters.length + (format?.codes.length ?? 0) + closes.length * closeSize
  if (statement !== undefined) size += 4 * statement.bindHead.length
  if (parses) size += Buffer.byteLength(text)
  for (let at = 0; at < parameters.length; at += 1) {
    const parameter = parameters[at]!
    if (parameter === null) continue
    size += typeof parameter === 'string' ? Buffer.byteLength(parameter) : parameter.length
  }
  return size
}

function write(steps: readonly Step[], bytes: Buffer, start: number): number {
  let at = start
  for (let index = 0; index < steps.length; index += 1) at = writeStep(steps[index]!, bytes, at)
  bytes.set(sync, at)
  return at + sync.length
}

/** The answer to a server that expects data for COPY: it ignores the Sync of the exchange. */
export const copyFailAndSync: Buffer = Buffer.from(
  'f\0\0\0\x25COPY FROM STDIN is not supported\0S\0\0\0\x04',
  'latin1',
)

const flush = Buffer.from('H\0\0\0\x04', 'latin1')
const sync = Buffer.from('S\0\0\0\x04', 'latin1')
// No portal's name, no limit of rows.
const execute = Buffer.from('E\0\0\0\x09\0\0\0\0\0', 'latin1')
const describePortal = Buffer.from('D\0\0\0\x06P\0', 'latin1')
const noName = Buffer.from('\0\0', 'latin1')
const textCodes = new Uint8Array(2)

const letter = { bind: 0x42, close: 0x43, describe: 0x44, parse: 0x50, statement: 0x53 }

function writeStep(step: Step, bytes: Buffer, start: number): number {
  const { part, statement, format } = step
  let at = start
  // The name with the zero behind it.
  const name = statement === undefined ? noName.subarray(1) : statement.bindHead.subarray(1)
  for (let index = 0; index < step.closes.length; index += 1)
    at = writeNamed(bytes, at, letter.close, step.closes[index]!.bindHead.subarray(1))
  if (step.parses) at = writeParse(part.text, name, bytes, at)
  if (step.describes && statement !== undefined) at = writeNamed(bytes, at, letter.describe, name)
  at = writeBind(
    statement?.bindHead ?? noName,
    part.parameters,
    format?.codes ?? textCodes,
    bytes,
    at,
  )
  if (step.describes && statement === undefined) {
    bytes.set(describePortal, at)
    at += describePortal.length
  }
  bytes.set(execute, at)
  at += execute.length
  if (part.isFlushed !== true) return at
  bytes.set(flush, at)
  return at + flush.length
}

function writeNamed(bytes: Buffer, start: number, type: number, name: Uint8Array): number {
  bytes[start] = type
  const at = writeInt32(bytes, start + 1, 5 + name.length)
  bytes[at] = letter.statement
  bytes.set(name, at + 1)
  return at + 1 + name.length
}

function writeParse(text: string, name: Uint8Array, bytes: Buffer, start: number): number {
  // The rest of the message would be read as something else.
  if (text.includes('\0')) throw laneError('Expected a statement without the character U+0000')
  bytes[start] = letter.parse
  let at = start + 5
  bytes.set(name, at)
  at += name.length
  at += bytes.write(text, at)
  bytes[at] = 0
  // The server decides on the types of all parameters.
  bytes[at + 1] = 0
  bytes[at + 2] = 0
  at += 3
  writeInt32(bytes, start + 1, at - start - 1)
  return at
}

const mostParameters = 0xffff

function writeBind(
  head: Uint8Array,
  parameters: readonly Parameter[],
  codes: Uint8Array,
  bytes: Buffer,
  start: number,
): number {
  const { length } = parameters
  if (length > mostParameters)
    throw laneError(`Expected at most ${mostParameters} parameters, got ${length}`)
  bytes[start] = letter.bind
  let at = start + 5
  bytes.set(head, at)
  at += head.length
  at = writeParameterCodes(parameters, bytes, at)
  at = writeInt16(bytes, at, length)
  for (let index = 0; index < length; index += 1) {
    const parameter = parameters[index]!
    if (parameter === null) {
      at = writeInt32(bytes, at, -1)
    } else if (typeof parameter === 'string') {
      const size = writeText(parameter, bytes, at + 4)
      writeInt32(bytes, at, size)
      at += 4 + size
    } else if (isBytes(parameter)) {
      at = writeInt32(bytes, at, parameter.length)
      bytes.set(parameter, at)
      at += parameter.length
    } else {
      throw laneError(`Expected a string, bytes or null as a parameter, got ${typeof parameter}`)
    }
  }
  bytes.set(codes, at)
  at += codes.length
  writeInt32(bytes, start + 1, at - start - 1)
  return at
}

function writeParameterCodes(
  parameters: readonly Parameter[],
  bytes: Buffer,
  start: number,
): number {
  const { length } = parameters
  let isText = true
  for (let index = 0; index < length && isText; index += 1) {
    const parameter = parameters[index]
    isText = typeof parameter === 'string' || parameter === null
  }
  if (isText) return writeInt16(bytes, start, 0)
  let at = writeInt16(bytes, start, length)
  for (let index = 0; index < length; index += 1)
    at = writeInt16(bytes, at, isBytes(parameters[index]!) ? 1 : 0)
  return at
}

// Not `instanceof`: test runners give each file its own `Uint8Array`.
function isBytes(parameter: Parameter): parameter is Uint8Array {
  return ArrayBuffer.isView(parameter) && parameter.BYTES_PER_ELEMENT === 1
}

// Below this length, a loop is faster than a call into Node.
const shortText = 12

function writeText(text: string, bytes: Buffer, at: number): number {
  const { length } = text
  if (length > shortText) return bytes.write(text, at)
  for (let index = 0; index < length; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit > 0x7f) return bytes.write(text, at)
    bytes[at + index] = unit
  }
  return length
}

function writeInt32(bytes: Buffer, at: number, value: number): number {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
  return at + 4
}

function writeInt16(bytes: Buffer, at: number, value: number): number {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
  return at + 2
}
