/** What a handler does with its session; errors of statements are swallowed. */
export type Step = 'read' | 'add' | 'write' | 'fail' | 'commit' | 'rollback'

/** How a request ends. */
export type End =
  | 'answer'
  | 'answer while a statement runs'
  | 'answer twice'
  | 'answer, then throw'
  | 'answer after a slow commit'
  | 'deferred stream'
  | 'refuse'
  | 'throw'
  | 'end by hand'
  | 'leave'
  | 'leave in the commit'
  | 'time out'

export const steps: readonly Step[] = ['read', 'add', 'write', 'fail', 'commit', 'rollback']

export const ends: readonly End[] = [
  'answer',
  'answer while a statement runs',
  'answer twice',
  'answer, then throw',
  'answer after a slow commit',
  'deferred stream',
  'refuse',
  'throw',
  'end by hand',
  'leave',
  'leave in the commit',
  'time out',
]

/** What is to come of a request. */
export interface Expected {
  /** `broken` is a response that is cut off, `none` that of a client that has left. */
  readonly answer: 'success' | 'error' | 'broken' | 'none'
  readonly rows: readonly string[]
}

interface State {
  readonly saved: readonly string[]
  /** Written in the transaction. */
  readonly written: readonly string[]
  /** Waiting for a flush. */
  readonly added: readonly string[]
  readonly hasFailed: boolean
}

const start: State = { saved: [], written: [], added: [], hasFailed: false }

export const nameOf = (index: number): string => `row${index}`

/** The name of the row that the end writes itself. */
export const lastName = 'last'

/** What a session is meant to do, in a few lines. */
function next(state: State, step: Step, index: number): State {
  const { saved, written, added, hasFailed } = state
  const flushed = hasFailed ? state : { ...state, written: [...written, ...added], added: [] }
  switch (step) {
    case 'read':
      return flushed
    case 'add':
      return { ...state, added: [...added, nameOf(index)] }
    case 'write':
      return next(next(state, 'add', index), 'read', index)
    case 'fail':
      return { ...flushed, hasFailed: true }
    case 'rollback':
      return { ...start, saved }
    case 'commit':
      return { ...start, saved: hasFailed ? saved : [...saved, ...flushed.written] }
  }
}

export function expected(script: readonly Step[], end: End): Expected {
  const { saved, written, added, hasFailed } = script.reduce(next, start)
  const all = [...saved, ...written, ...added]
  switch (end) {
    case 'answer':
    case 'answer twice':
    case 'answer, then throw':
      return hasFailed ? { answer: 'error', rows: saved } : { answer: 'success', rows: all }
    case 'answer while a statement runs':
    case 'answer after a slow commit':
      return hasFailed
        ? { answer: 'error', rows: saved }
        : { answer: 'success', rows: [...all, lastName] }
    case 'deferred stream':
      return hasFailed
        ? { answer: 'broken', rows: saved }
        : { answer: 'success', rows: [...all, lastName] }
    case 'leave in the commit':
      return { answer: 'none', rows: hasFailed ? saved : [...all, lastName] }
    case 'refuse':
    case 'throw':
    case 'time out':
      return { answer: 'error', rows: saved }
    case 'end by hand':
      return { answer: 'success', rows: saved }
    case 'leave':
      return { answer: 'none', rows: saved }
  }
}
