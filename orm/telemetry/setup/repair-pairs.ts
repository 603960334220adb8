import { type Environment, given } from './endpoint.ts'
import { fine, type Repair, together, warning } from './repairs.ts'

const headerNames = ['TRACES_', 'METRICS_', 'LOGS_', ''].map(
  (signal) => `OTEL_EXPORTER_OTLP_${signal}HEADERS`,
)

/** `base64` breaks its lines, as in `"Authorization=Basic $(echo -n … | base64)"`; no header may have line breaks. */
export function joinHeaders(environment: Environment): Repair {
  const joined = headerNames.flatMap((name) => {
    const headers = environment[name]?.trim() ?? ''
    return /[\r\n]/.test(headers) ? [[name, headers.replace(/\s*[\r\n]\s*/g, '')]] : []
  })
  return { changes: Object.fromEntries(joined), warnings: [] }
}

/** Finds pairs that are none: of one such attribute the SDK loses all of them, of one such header the process. */
export function repairPairs(environment: Environment): Repair {
  return together([
    ...headerNames.map((name) => repairHeaders(environment, name)),
    repairAttributes(environment),
  ])
}

function repairHeaders(environment: Environment, name: string): Repair {
  const pairs = pairsOf(environment, name)
  const left = pairs.filter(isHeader)
  if (left.length === pairs.length) return fine
  // It may be a secret, so it is not told.
  const places = pairs.flatMap((pair, index) => (isHeader(pair) ? [] : [index + 1]))
  const told =
    `${name} expected headers such as api-key=your-key, of printable ASCII and with commas in between; ` +
    `came something else in place ${places.join(', ')}; used instead: ${left.length === 0 ? 'none' : 'the others'}`
  return { changes: { [name]: joined(left) }, warnings: [told] }
}

function repairAttributes(environment: Environment): Repair {
  const name = 'OTEL_RESOURCE_ATTRIBUTES'
  const pairs = pairsOf(environment, name)
  const broken = pairs.filter((pair) => !isAttribute(pair))
  if (broken.length === 0) return fine
  const left = pairs.filter(isAttribute)
  const expected = 'attributes such as team=blog, where , = and % in a value are percent-encoded'
  const used = left.length === 0 ? 'none' : 'the others'
  return {
    changes: { [name]: joined(left) },
    warnings: broken.map((pair) => warning(name, expected, pair.trim(), used)),
  }
}

function pairsOf(environment: Environment, name: string): readonly string[] {
  return (
    given(environment, name)
      ?.split(',')
      .filter((pair) => pair.trim() !== '') ?? []
  )
}

function joined(pairs: readonly string[]): string | undefined {
  return pairs.length === 0 ? undefined : pairs.join(',')
}

// What gRPC takes of both: it throws at anything else, and wants bytes where a name ends in -bin.
const headerName = /^(?!.*-bin$)[\w.-]+$/i
const headerValue = /^[\x20-\x7e]+$/

function isHeader(pair: string): boolean {
  const at = pair.indexOf('=')
  const [name, value] = [pair.slice(0, Math.max(at, 0)), pair.slice(at + 1)].map(decoded)
  return headerName.test(name ?? '') && headerValue.test(value ?? '')
}

const longest = 255

function isAttribute(pair: string): boolean {
  const parts = pair.split('=').map(decoded)
  const [name, value] = parts
  if (parts.length !== 2 || name === undefined || value === undefined) return false
  return name !== '' && name.length <= longest && value.length <= longest
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.trim())
  } catch {
    return undefined
  }
}
