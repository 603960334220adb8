import { Unit } from './n-plus-one/unit.ts'
import { ambient, ambientScope, unit as unitOf } from './session/ambient.ts'
import { runCallbacks } from './session/run-callbacks.ts'
import type { BaseSession } from './session/session.ts'

/** The request or the job that runs. */
export function currentUnit(): Unit | undefined {
  const unit = ambientScope.getStore()?.[unitOf]?.()
  return unit instanceof Unit ? unit : undefined
}

/** Calls a function whose ambient session this one is. */
export function within<S extends BaseSession, T>(unit: Unit, session: S, fn: () => T): T {
  return ambientScope.run({ [ambient]: () => session, [unitOf]: () => unit }, fn)
}

/** Runs a job in a session: commits when it resolves, rolls back when it rejects, and closes the session. */
export async function runJob<S extends BaseSession, T>(
  unit: Unit,
  session: S,
  fn: (session: S) => Promise<T> | T,
): Promise<T> {
  session.manage()
  let result: T
  try {
    result = await within(unit, session, () => fn(session))
    // A commit reports its own result, even if the session ends meanwhile.
    if (session.isClosed) session.refuseLoss()
    else await session.commitOnly()
  } finally {
    await session.discard()
  }
  const callbacks = session.takeCallbacks()
  if (callbacks !== undefined) await within(unit, session, () => runCallbacks(callbacks))
  return result
}
