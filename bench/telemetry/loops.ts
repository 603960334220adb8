/** The work of a loop. `query` and `driver` use a client of `pg` that answers at once. */
export type LoopKind = 'empty' | 'by hand' | 'library' | 'query' | 'driver'

interface Loop {
  readonly meaning: string
  readonly hasSpan: boolean
  /** The same work without the span. */
  readonly baseline: LoopKind
}

export const loops: Readonly<Record<LoopKind, Loop>> = {
  empty: { meaning: 'nothing', hasSpan: false, baseline: 'empty' },
  'by hand': { meaning: 'as many attributes, with the API only', hasSpan: true, baseline: 'empty' },
  library: { meaning: "the library's observer", hasSpan: true, baseline: 'empty' },
  query: { meaning: 'client.query() of pg', hasSpan: false, baseline: 'query' },
  driver: { meaning: 'the same with instrumentation-pg', hasSpan: true, baseline: 'query' },
}

export const loopKinds: readonly LoopKind[] = ['empty', 'by hand', 'library', 'query', 'driver']
