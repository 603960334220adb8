/** What is done in a loop: `query` and `driver` ask a client of `pg` that answers at once. */
export type LoopKind = 'empty' | 'by hand' | 'library' | 'query' | 'driver'

interface Loop {
  readonly meaning: string
  readonly hasSpan: boolean
  /** What is done as well without the span. */
  readonly baseline: LoopKind
}

export const loops: Readonly<Record<LoopKind, Loop>> = {
  empty: { meaning: 'nothing', hasSpan: false, baseline: 'empty' },
  'by hand': { meaning: 'as many attributes, by the API alone', hasSpan: true, baseline: 'empty' },
  library: { meaning: "the library's observer", hasSpan: true, baseline: 'empty' },
  query: { meaning: 'client.query() of pg', hasSpan: false, baseline: 'query' },
  driver: { meaning: 'the same with instrumentation-pg', hasSpan: true, baseline: 'query' },
}

export const loopKinds: readonly LoopKind[] = ['empty', 'by hand', 'library', 'query', 'driver']
