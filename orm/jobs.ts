import type { JobFindings } from './n-plus-one/job-findings.ts'
import { refuseFlagged } from './n-plus-one/strict.ts'
import { Unit } from './n-plus-one/unit.ts'
import { ambient, ambientScope, unit as unitOf } from './session/ambient.ts'
import { runCallbacks } from './session/run-callbacks.ts'
import type { BaseSession } from './session/session.ts'

/** The request or the job that runs. */
export function currentUnit(): Unit | undefined {
  const unit = ambientUnit()
  return unit?.isOver === true ? undefined : unit
}

function ambientUnit(): Unit | undefined {
  const unit = ambientScope.getStore()?.[unitOf]?.()
  return unit instanceof Unit ? unit : undefined
}

/** Some work with an end, and the unit that it belongs to. */
export interface Job {
  readonly unit: Unit
  readonly end: () => void
}

const nothing = (): void => {}

/**
 * Work that begins belongs to the request or the job that runs. If none does, or with a name, it is a unit of its own.
 * Work that a request has begun and that goes on after its response is its own, and knows the request.
 */
export function beginJob(findings: JobFindings, name?: string): Job {
  const around = ambientUnit()
  const whole = around?.isOver === true ? undefined : around
  if (whole !== undefined && name === undefined) return { unit: whole, end: nothing }
  const unit = new Unit(name, whole, around?.request)
  unit.log = around?.log
  if (whole !== undefined) return { unit, end: () => unit.end() }
  findings.watch(unit)
  return { unit, end: () => findings.tell(unit) }
}

/** Calls a function whose ambient session this one is. */
export function within<S extends BaseSession, T>(unit: Unit, session: S, fn: () => T): T {
  return ambientScope.run({ [ambient]: () => session, [unitOf]: () => unit }, fn)
}

/** A function after which, in the mode `'strict'`, nothing may be found. */
export function refusing<S extends BaseSession, T>(
  unit: Unit,
  fn: (session: S) => Promise<T> | T,
): (session: S) => Promise<T> | T {
  // What is no function is refused where it is called.
  if (!unit.isStrict || typeof fn !== 'function') return fn
  return async (session) => {
    const result = await fn(session)
    await refuseFlaggedWork(unit, session)
    return result
  }
}

/** With what its flush sends. */
async function refuseFlaggedWork(unit: Unit, session: BaseSession): Promise<void> {
  await session.flush()
  refuseFlagged(unit)
}

/** Runs a job in a session: commits when it resolves, rolls back when it rejects, and closes the session. */
export async function runJob<S extends BaseSession, T>(
  { unit, end }: Job,
  session: S,
  fn: (session: S) => Promise<T> | T,
): Promise<T> {
  session.manage()
  try {
    let result: T
    try {
      result = await within(unit, session, () => fn(session))
      // A commit reports its own result, even if the session ends meanwhile.
      if (session.isClosed) session.refuseLoss()
      else {
        if (unit.isStrict) await refuseFlaggedWork(unit, session)
        await session.commitOnly()
      }
    } finally {
      await session.discard()
    }
    const callbacks = session.takeCallbacks()
    if (callbacks !== undefined) await within(unit, session, () => runCallbacks(callbacks))
    return result
  } finally {
    end()
  }
}
