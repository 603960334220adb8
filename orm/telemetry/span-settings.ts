/** Which operations are spans: see the option `spans`. */
export type SpanLevel = 'all' | 'queries+session' | 'queries'

export const spanLevels: readonly SpanLevel[] = ['all', 'queries+session', 'queries']

/** What the spans of a database are made of. */
export interface SpanSettings {
  readonly level: SpanLevel
  /** Whether spans have the text of their statement. */
  readonly hasText: boolean
  /** Whether spans have the values that are bound to it. */
  readonly hasParameters: boolean
  /** Whether spans have `db.system` and `db.result.count` beside their stable twins. */
  readonly hasOldNames: boolean
}

/**
 * Whether the environment wants the older names: `OTEL_SEMCONV_STABILITY_OPT_IN=database` leaves
 * out those that have a stable twin, `database/dup` and everything else keeps both.
 */
export function wantsOldNames(environment: NodeJS.ProcessEnv): boolean {
  const wanted = (environment.OTEL_SEMCONV_STABILITY_OPT_IN ?? '')
    .split(',')
    .map((one) => one.trim())
  return !wanted.includes('database') || wanted.includes('database/dup')
}
