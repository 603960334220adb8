import {
  type Direction,
  errorResponse,
  failedStatus,
  type Message,
  message,
  noticeResponse,
  notificationResponse,
  parameterStatus,
  refusedParse,
  refusedQuery,
  sync,
  withText,
} from '../../../support/protocol-messages.ts'
import type { Fault, Link } from '../../../support/protocol-proxy.ts'

/** A fault at the n-th message, or at the n-th statement, from 1. */
export type FaultAt = (n: number) => Fault

type Act = (message: Message, link: Link) => void

/** Acts in place of passing the n-th of the messages that count. */
function at(n: number, counts: (message: Message) => boolean, act: Act): Fault {
  let count = 0
  let place: string | undefined
  return {
    get hasFired() {
      return count >= n
    },
    get place() {
      return place
    },
    meet(met, link) {
      const isCounted = counts(met)
      if (isCounted) count += 1
      if (!isCounted || count !== n) return link.pass(met)
      place = met.runs ?? met.type
      act(met, link)
    },
  }
}

const going = (direction: Direction) => (met: Message) => met.direction === direction

/** Acts after the n-th message in a direction has passed. */
export const after =
  (direction: Direction, act: (link: Link) => void): FaultAt =>
  (n) =>
    at(n, going(direction), (met, link) => {
      link.pass(met)
      act(link)
    })

/** The connection ends after the n-th message. */
export const cut = (direction: Direction): FaultAt => after(direction, (link) => link.cut('fin'))

/** The connection is reset in place of the n-th message: after it, what the client sends last would not be seen. */
export const reset =
  (direction: Direction): FaultAt =>
  (n) =>
    at(n, going(direction), (_met, link) => link.cut('rst'))

export const silence = (direction: Direction): FaultAt => after(direction, (link) => link.silence())

/** Silence after the n-th message from BEGIN on. */
export const silenceInTransaction =
  (direction: Direction): FaultAt =>
  (n) => {
    let hasBegun = false
    return at(
      n,
      (met) => {
        hasBegun ||= /^begin/i.test(met.runs ?? '')
        return hasBegun && met.direction === direction
      },
      (met, link) => {
        link.pass(met)
        link.silence()
      },
    )
  }

/** COMMIT, or its answer, is swallowed, and all that follows. */
export const silentCommit =
  (swallows: Direction): FaultAt =>
  () => {
    let isCommitting = false
    return {
      get hasFired() {
        return isCommitting
      },
      meet(met, link) {
        isCommitting ||= isCommit(met.runs)
        if (!isCommitting || met.direction !== swallows) link.pass(met)
        else link.silence()
      },
    }
  }

const isCommit = (text: string | undefined): boolean => /^\s*commit\b/i.test(text ?? '')

/** Holds everything after the n-th message, until a request to cancel it comes. */
export const holdUntilCancelled =
  (direction: Direction): FaultAt =>
  (n) => {
    let held: Link | undefined
    const fault = after(direction, (link) => {
      held = link
      link.hold()
    })(n)
    return {
      get hasFired() {
        return fault.hasFired
      },
      get place() {
        return fault.place
      },
      meet: (met, link) => fault.meet(met, link),
      cancelled: () => held?.resume(),
    }
  }

/** FATAL in place of the n-th message to the client, and the end of the connection. */
export const fatal =
  (code: string): FaultAt =>
  (n) =>
    at(n, going('toClient'), (_met, link) => {
      link.send('toClient', errorResponse(code, 'FATAL'))
      link.cut()
    })

/** PostgreSQL itself refuses the n-th statement, and skips what is left of the exchange. */
export const refusedStatement: FaultAt = (n) =>
  at(
    n,
    ({ runs }) => runs !== undefined,
    ({ type }, link) => link.send('toServer', type === 'Q' ? refusedQuery : refusedParse),
  )

/** The n-th statement and what follows it never arrives; the client is told that PostgreSQL refused it. */
export const withheldStatement =
  (code: string): FaultAt =>
  (n) => {
    let state: 'before' | 'withholding' | 'answering' | 'done' = 'before'
    const fault = at(
      n,
      ({ runs }) => runs !== undefined,
      ({ type }, link) => {
        state = type === 'Q' ? 'answering' : 'withholding'
        if (type === 'Q') link.send('toServer', sync)
      },
    )
    return {
      get hasFired() {
        return fault.hasFired
      },
      get place() {
        return fault.place
      },
      meet(met, link) {
        const isReady = met.direction === 'toClient' && met.type === 'Z'
        if (state === 'withholding' && met.direction === 'toServer') {
          if (met.type !== 'S') return
          state = 'answering'
          link.pass(met)
        } else if (state === 'answering' && isReady) {
          state = 'done'
          link.send('toClient', errorResponse(code))
          link.send('toClient', failedStatus(met.bytes))
        } else fault.meet(met, link)
      },
    }
  }

/** COMMIT answers ROLLBACK, since PostgreSQL has rolled back. */
export const commitRollsBack: FaultAt = () => {
  let hasFired = false
  return {
    get hasFired() {
      return hasFired
    },
    meet(met, link) {
      const isText = met.direction === 'toServer' && (met.type === 'Q' || met.type === 'P')
      const bytes = isText
        ? withText(met, (text) => text.replace(/^commit\b/i, 'rollback'))
        : met.bytes
      hasFired ||= !bytes.equals(met.bytes)
      link.send(met.direction, bytes)
    },
  }
}

/** The n-th message to the client comes twice. */
export const duplicate: FaultAt = (n) =>
  at(n, going('toClient'), (met, link) => {
    link.pass(met)
    link.pass(met)
  })

/** What nobody has asked for, after the n-th message to the client. */
export const unexpected = (bytes: Buffer): FaultAt =>
  after('toClient', (link) => link.send('toClient', bytes))

const unexpectedMessages: readonly Buffer[] = [
  message('3'), // CloseComplete
  message('n'), // NoData
  message('I'), // EmptyQueryResponse
  message('s'), // PortalSuspended
  message('R', Buffer.alloc(4)), // AuthenticationOk
  message('!', 'of an unknown type'),
]

/** Another kind of message that nobody has asked for, for each n. */
export const anyUnexpected =
  (shift: number): FaultAt =>
  (n) =>
    unexpected(unexpectedMessages[(n + shift) % unexpectedMessages.length]!)(n)

/** What is no message. */
export const garbage: Readonly<Record<string, Buffer>> = {
  'an impossible length': Buffer.from([0x5a, 0, 0, 0, 0]),
  'a length without end': Buffer.from([0x44, 0x7f, 0xff, 0xff, 0xff]),
  'bytes of another protocol': Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'),
}

/** A notice, a notification and a setting between any two messages: all of them are allowed anywhere. */
export const asides: FaultAt = () => {
  let hasFired = false
  return {
    get hasFired() {
      return hasFired
    },
    meet(met, link) {
      link.pass(met)
      if (met.direction !== 'toClient') return
      hasFired = true
      for (const aside of [noticeResponse, notificationResponse, parameterStatus])
        link.send('toClient', aside)
    },
  }
}
