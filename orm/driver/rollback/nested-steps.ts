import { transactionCommand } from '../../sql/transaction-command.ts'
import { control, type Sending } from '../sending.ts'
import {
  begun,
  type Change,
  divided,
  ended,
  guarded,
  type NestedState,
  outside,
  released,
  unchanged,
  unguarded,
  wentBack,
} from './nested-state.ts'

/** A statement that is really sent. */
export interface Step {
  readonly sending: Sending
  /** The index of the statement of the session that it serves. */
  readonly serves: number
  /** What it changes once it has run. */
  readonly change: Change
  /** Whether it belongs to a COMMIT, with which the transaction ends also if it fails. */
  readonly isCommit: boolean
}

/** Where and how a session is nested. */
export interface Nesting {
  readonly state: NestedState
  /** Whether no other session has a transaction around it. */
  readonly isOutermost: boolean
  /** What else a COMMIT puts back. */
  readonly restoring: string
}

const ofTransaction = 'data_bridge_transaction'
const ofStatement = 'data_bridge_statement'

/**
 * What is sent in place of an exchange of a session. Its transaction is a savepoint, and each run of its statements
 * has another one, so that the transaction around it never fails.
 */
export function nestedSteps(
  sendings: readonly Sending[],
  { state, isOutermost, restoring }: Nesting,
): readonly Step[] {
  const steps: Step[] = []
  let { isReadOnly } = state
  let hasGuard = false
  const add = (serves: number, sending: Sending, change = unchanged, isCommit = false): void =>
    void steps.push({ sending, serves, change, isCommit })
  const endRun = (serves: number): void => {
    if (hasGuard) add(serves, control(`release savepoint ${ofStatement}`), unguarded)
    hasGuard = false
  }
  for (const [at, sending] of sendings.entries()) {
    const command =
      sending.statement.kind === 'control' ? transactionCommand(sending.text) : undefined
    if (command === undefined || command.kind === 'set') {
      if (!hasGuard) steps.push(...guardSteps(isReadOnly, at))
      hasGuard = true
      add(at, sending)
      continue
    }
    endRun(at - 1)
    switch (command.kind) {
      case 'begin':
        isReadOnly = command.mode.readOnly === true
        add(at, instead(sending, 'BEGIN', `savepoint ${ofTransaction}`), begun(isReadOnly))
        break
      case 'commit':
        // In the transaction of another session, its own COMMIT checks: what it has not done yet would fail here.
        if (isOutermost) add(at, control('set constraints all immediate'), unchanged, true)
        add(at, instead(sending, 'COMMIT', `release savepoint ${ofTransaction}`), ended, true)
        if (isOutermost) add(at, control(restoring), unchanged, true)
        break
      case 'rollback':
        if (state.isUndone || !state.isBegun) sending.completed('ROLLBACK', 0)
        else {
          add(at, control(`rollback to savepoint ${ofTransaction}`))
          add(at, instead(sending, 'ROLLBACK', `release savepoint ${ofTransaction}`), ended)
        }
        break
      case 'savepoint':
        add(at, sending, divided(command.name))
        break
      case 'release':
        add(at, sending, released(command.name))
        break
      case 'rollback to':
        add(at, sending, wentBack(command.name))
    }
  }
  endRun(sendings.length - 1)
  return steps
}

/** The savepoint of a run of statements. READ ONLY ends with it, so that a session in this one may write. */
export function guardSteps(isReadOnly: boolean, serves = 0): readonly Step[] {
  const guard = step(control(`savepoint ${ofStatement}`), serves, guarded)
  return isReadOnly ? [guard, step(control('set transaction read only'), serves)] : [guard]
}

export const unguardSteps = (): readonly Step[] => [
  step(control(`release savepoint ${ofStatement}`), 0, unguarded),
]

/**
 * What undoes statements that have failed: all of the transaction, unless the session may go back to a savepoint of
 * its own. Undefined if only the session can tell to which.
 */
export function undoingSteps(
  state: NestedState,
  isCommit: boolean,
  isInnermost: boolean,
): readonly Step[] | undefined {
  const isAll = isCommit || (isInnermost && state.savepoints.length === 0)
  const undone = { ...outside, isBegun: true, isUndone: true, hasFailed: true }
  if (state.isBegun && isAll) return undoing(ofTransaction, isCommit ? ended : () => undone)
  if (!state.isGuarded) return undefined
  return undoing(ofStatement, () => ({ ...state, isGuarded: false, hasFailed: state.isBegun }))
}

function undoing(name: string, change: Change): readonly Step[] {
  return [
    step(control(`rollback to savepoint ${name}`), 0),
    step(control(`release savepoint ${name}`), 0, change),
  ]
}

function step(sending: Sending, serves: number, change = unchanged): Step {
  return { sending, serves, change, isCommit: false }
}

/** Tells the session of its own statement. */
function instead(sending: Sending, tag: string, text: string): Sending {
  const sent = control(text)
  sent.isFlushed = sending.isFlushed
  const tell = (): void => sending.completed(tag, 0)
  sent.advance = tell
  return sent
}
