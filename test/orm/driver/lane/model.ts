import type { Row } from '../../../../orm/schema/wire-form.ts'
import { binaries, decoderOf, text } from './decoders.ts'
import type { Outcome, PartGiven } from './lanes.ts'

/** A statement of a random exchange. */
export type Act =
  | { readonly kind: 'echo'; readonly value: string; readonly name: string | undefined }
  | { readonly kind: 'series'; readonly count: number; readonly name: string | undefined }
  | { readonly kind: 'insert'; readonly value: number; readonly name: string | undefined }
  | { readonly kind: 'stored' | 'begin' | 'commit' | 'rollback' | 'notice' | 'empty' }
  | { readonly kind: 'fail'; readonly how: 'parse' | 'bind' | 'execute' }

const int4 = binaries[1]!
const ofEcho = decoderOf(text, int4, text)
const ofSeries = decoderOf(int4, text)

const failures = {
  parse: { code: '42601', text: 'nonsense', parameters: [] },
  bind: { code: '22P02', text: 'select $1::int', parameters: ['x'] },
  execute: { code: '22012', text: 'select 1 / $1::int', parameters: ['0'] },
} as const

export const createTable = 'create temp table stored (n int)'

export function partOf(act: Act): PartGiven {
  switch (act.kind) {
    case 'echo':
      return {
        text: 'select $1::text, length($1)::int4, null::text',
        name: act.name,
        parameters: [act.value],
        decoder: ofEcho,
      }
    case 'series':
      return {
        text: `select n, repeat('é', n) from generate_series(1, $1::int) n`,
        name: act.name,
        parameters: [String(act.count)],
        decoder: ofSeries,
      }
    case 'insert':
      return {
        text: 'insert into stored values ($1)',
        name: act.name,
        parameters: [String(act.value)],
      }
    case 'stored':
      return { text: 'select n from stored order by n', name: 'stored', decoder: decoderOf(int4) }
    case 'notice':
      return { text: `do $$ begin raise notice 'noted'; end $$` }
    case 'fail':
      return {
        name: act.how,
        text: failures[act.how].text,
        parameters: failures[act.how].parameters,
      }
    case 'empty':
      return { text: '' }
    case 'begin':
    case 'commit':
    case 'rollback':
      return { text: act.kind, name: act.kind }
  }
}

interface Expected {
  readonly tags: readonly (string | undefined)[]
  readonly rows: readonly (readonly Row[])[]
  readonly failure: { readonly code: string; readonly part: number } | undefined
}

/** What PostgreSQL does with exchanges: a transaction lasts until Sync, unless BEGIN keeps it open. */
export class Model {
  status: 'I' | 'T' | 'E' = 'I'
  #saved: readonly number[] = []
  #work: readonly number[] = []
  notices = 0

  exchange(acts: readonly Act[]): Expected {
    const tags: (string | undefined)[] = acts.map(() => undefined)
    const rows: Row[][] = acts.map(() => [])
    for (const [part, act] of acts.entries()) {
      const code = this.#refusal(act)
      if (code !== undefined) {
        this.#fail()
        return { tags, rows, failure: { code, part } }
      }
      rows[part] = this.#rows(act)
      tags[part] = this.#run(act)
    }
    if (this.status === 'I') this.#saved = this.#work
    return { tags, rows, failure: undefined }
  }

  #refusal(act: Act): string | undefined {
    const ends = act.kind === 'commit' || act.kind === 'rollback'
    if (act.kind === 'fail' && act.how === 'parse') return failures.parse.code
    if (this.status === 'E' && !ends) return '25P02'
    return act.kind === 'fail' ? failures[act.how].code : undefined
  }

  #fail(): void {
    if (this.status === 'I') this.#work = this.#saved
    else this.status = 'E'
  }

  #rows(act: Act): Row[] {
    if (act.kind === 'echo') return [[act.value, Array.from(act.value).length, null]]
    if (act.kind === 'series')
      return Array.from({ length: act.count }, (_, at) => [at + 1, 'é'.repeat(at + 1)])
    if (act.kind === 'stored') return [...this.#work].sort((a, b) => a - b).map((n) => [n])
    return []
  }

  #run(act: Act): string {
    switch (act.kind) {
      case 'insert':
        this.#work = [...this.#work, act.value]
        return 'INSERT'
      case 'begin':
        this.status = 'T'
        return 'BEGIN'
      case 'commit': {
        const isFailed = this.status === 'E'
        if (isFailed) this.#work = this.#saved
        else this.#saved = this.#work
        this.status = 'I'
        return isFailed ? 'ROLLBACK' : 'COMMIT'
      }
      case 'rollback':
        this.#work = this.#saved
        this.status = 'I'
        return 'ROLLBACK'
      case 'notice':
        this.notices += 1
        return 'DO'
      case 'empty':
        return ''
      case 'echo':
      case 'series':
      case 'stored':
      case 'fail':
        return 'SELECT'
    }
  }
}

/** An outcome in the words of the model. */
export function seen({ failure, results }: Outcome): Expected {
  const code = (failure?.error as { readonly code?: string } | undefined)?.code
  return {
    tags: results.map(({ tag }) => tag),
    rows: results.map(({ rows }) => rows),
    failure: failure && { code: code ?? String(failure.error), part: failure.part ?? -1 },
  }
}
