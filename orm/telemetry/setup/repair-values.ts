import { type Environment, given } from './endpoint.ts'
import { fine, oneOf, type Repair, together, warning } from './repairs.ts'

/** Variables with numbers above 0, and what the SDK takes where they have none. */
const numbers: Readonly<Record<string, number>> = {
  OTEL_BSP_SCHEDULE_DELAY: 5000,
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: 512,
  OTEL_BSP_MAX_QUEUE_SIZE: 2048,
  OTEL_BSP_EXPORT_TIMEOUT: 30_000,
  OTEL_EXPORTER_OTLP_TIMEOUT: 10_000,
  OTEL_METRIC_EXPORT_INTERVAL: 60_000,
}

interface Words {
  readonly known: readonly string[]
  /** What counts where nothing is known. */
  readonly used: string
}

const truth = { known: ['true', 'false'], used: 'false' }

/** Variables with one word. */
const words: Readonly<Record<string, Words>> = {
  DATA_BRIDGE_TRACING_ENABLED: {
    known: ['true', '1', 'yes', 'on', 'false', '0', 'no', 'off'],
    used: 'true',
  },
  OTEL_SDK_DISABLED: truth,
  OTEL_EXPORTER_OTLP_INSECURE: truth,
  OTEL_EXPORTER_OTLP_COMPRESSION: { known: ['none', 'gzip'], used: 'none' },
}

/** Variables with words between commas. */
const lists: Readonly<Record<string, Words>> = {
  OTEL_TRACES_EXPORTER: { known: ['otlp', 'console', 'zipkin', 'none'], used: 'otlp' },
  OTEL_METRICS_EXPORTER: { known: ['otlp', 'console', 'prometheus', 'none'], used: 'none' },
  OTEL_LOGS_EXPORTER: { known: ['otlp', 'console', 'none'], used: 'none' },
  OTEL_PROPAGATORS: {
    known: ['tracecontext', 'baggage', 'b3', 'b3multi', 'none'],
    used: 'tracecontext,baggage',
  },
}

/** Finds values that are no number above 0, and words that mean nothing. */
export function repairValues(environment: Environment): Repair {
  const ofEach = <T>(
    rules: Readonly<Record<string, T>>,
    check: (name: string, value: string, rule: T) => Repair,
  ): readonly Repair[] =>
    Object.entries(rules).map(([name, rule]) => {
      const value = given(environment, name)
      return value === undefined ? fine : check(name, value, rule)
    })
  return together([
    ...ofEach(numbers, checkNumber),
    ...ofEach(words, checkWord),
    ...ofEach(lists, checkList),
  ])
}

function checkNumber(name: string, value: string, used: number): Repair {
  if (Number.isFinite(Number(value)) && Number(value) > 0) return fine
  return without(name, warning(name, 'a number above 0', value, String(used)))
}

function checkWord(name: string, value: string, { known, used }: Words): Repair {
  if (known.includes(value)) return fine
  const word = value.toLowerCase()
  // Not everything in the SDK takes capitals.
  if (known.includes(word)) return { changes: { [name]: word }, warnings: [] }
  return without(name, warning(name, oneOf(known), value, used))
}

function checkList(name: string, value: string, { known, used }: Words): Repair {
  const all = value.split(',').filter((word) => word.trim() !== '')
  const unknown = all.filter((word) => !known.includes(word.trim()))
  if (unknown.length === 0) return fine
  const left = all.filter((word) => !unknown.includes(word)).join(',')
  return {
    changes: { [name]: left === '' ? undefined : left },
    warnings: unknown.map((word) => warning(name, oneOf(known), word, left || used)),
  }
}

function without(name: string, told: string): Repair {
  return { changes: { [name]: undefined }, warnings: [told] }
}
