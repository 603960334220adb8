/** The transaction of a session, as savepoints of the one that is rolled back. Never changed: each step makes another. */
export interface NestedState {
  /** Whether the session has begun, and neither committed nor rolled back. */
  readonly isBegun: boolean
  /** Whether what it did is undone already: it has failed, and only its ROLLBACK is awaited. */
  readonly isUndone: boolean
  /** Whether PostgreSQL would refuse its next statement. */
  readonly hasFailed: boolean
  readonly isReadOnly: boolean
  /** The names of the savepoints that the session has set. */
  readonly savepoints: readonly string[]
  /** Whether the savepoint of a statement is set. */
  readonly isGuarded: boolean
}

export type Change = (state: NestedState) => NestedState

export const outside: NestedState = {
  isBegun: false,
  isUndone: false,
  hasFailed: false,
  isReadOnly: false,
  savepoints: [],
  isGuarded: false,
}

export const guarded: Change = (state) => ({ ...state, isGuarded: true })
export const unguarded: Change = (state) => ({ ...state, isGuarded: false })
export const ended: Change = () => outside
export const unchanged: Change = (state) => state

export const begun =
  (isReadOnly: boolean): Change =>
  () => ({ ...outside, isBegun: true, isReadOnly })

export const divided =
  (name: string): Change =>
  (state) => ({ ...state, savepoints: [...state.savepoints, name] })

/** Savepoints behind the released one go with it. */
export const released =
  (name: string): Change =>
  (state) => ({ ...state, savepoints: before(state.savepoints, name) })

/** The savepoint itself stays. */
export const wentBack =
  (name: string): Change =>
  (state) => ({
    ...state,
    hasFailed: false,
    savepoints: [...before(state.savepoints, name), name],
  })

function before(names: readonly string[], name: string): readonly string[] {
  const index = names.lastIndexOf(name)
  return index === -1 ? names : names.slice(0, index)
}
