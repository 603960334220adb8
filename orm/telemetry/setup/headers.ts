import type { Correction } from './corrections.ts'
import { type Environment, given } from './endpoint.ts'

const headerNames = ['TRACES_', 'METRICS_', 'LOGS_', ''].map(
  (signal) => `OTEL_EXPORTER_OTLP_${signal}HEADERS`,
)

/** Joins headers that are wrapped over lines, and removes invalid ones: the gRPC exporter throws at them. */
export function headerCorrections(environment: Environment): readonly Correction[] {
  return headerNames.flatMap((name) => {
    const text = given(environment, name)
    return text === undefined ? [] : headersOf(name, text)
  })
}

function headersOf(name: string, text: string): readonly Correction[] {
  const joined = joinHeaders(text)
  const pairs = joined.split(',').filter((pair) => pair.trim() !== '')
  const kept = pairs.filter(isHeader)
  if (kept.length === pairs.length) return joined === text ? [] : [{ name, value: joined }]
  const positions = pairs.flatMap((pair, index) => (isHeader(pair) ? [] : [index + 1]))
  // The text may be a secret, so the warning does not show it.
  const warning =
    `${name} is ignored at position ${positions.join(', ')}: ` +
    'expected headers such as api-key=your-key, in printable ASCII and separated by commas'
  return [{ name, value: kept.length === 0 ? undefined : kept.join(','), warning }]
}

/** `base64` wraps its output: `"Authorization=Basic $(echo -n … | base64)"` has line breaks in the token. */
function joinHeaders(text: string): string {
  return text.replace(/\s*[\r\n]\s*/g, '')
}

// The gRPC exporter throws at anything else. It wants bytes where a name ends in -bin.
const headerName = /^(?!.*-bin$)[\w.-]+$/i
const headerValue = /^[\x20-\x7e]+$/

function isHeader(pair: string): boolean {
  const at = pair.indexOf('=')
  const [name, value] = [pair.slice(0, Math.max(at, 0)), pair.slice(at + 1)].map(decoded)
  return headerName.test(name ?? '') && headerValue.test(value ?? '')
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.trim())
  } catch {
    return undefined
  }
}
