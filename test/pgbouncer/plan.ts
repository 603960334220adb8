import { type Agent, request } from 'node:http'
import { counts, type Posting } from './service.ts'

export type Kind = 'read' | 'list' | 'insert' | 'update' | 'never'

/** A request that will be sent. */
export interface Plan {
  readonly kind: Kind
  readonly path: string
  readonly body: Posting | undefined
  /** The key of its row. */
  readonly key: string
  readonly id: number
  /** After how many turns of the event loop its client leaves; undefined: it stays. */
  readonly leavesAfter: number | undefined
}

/** @param next gives a number from 0 to 1 */
export function plan(index: number, next: () => number): Plan {
  const upTo = (most: number): number => Math.floor(next() * most)
  const leavesAfter = next() < 0.08 ? upTo(40) : undefined
  const kind = leavesAfter !== undefined && next() < 0.3 ? 'never' : kindOf(next())
  const key = `r${index}`
  const posting = { key, amount: 1 + upTo(100), accountId: 1 + upTo(counts.accounts) }
  const id = { read: 1 + upTo(counts.users), list: upTo(counts.posts - 10), update: index + 1 }
  const paths = {
    read: `/users/${id.read}`,
    list: `/posts/after/${id.list}`,
    insert: '/entries',
    update: `/tasks/${id.update}`,
    never: '/entries/never',
  }
  return {
    kind,
    path: paths[kind],
    body: kind === 'read' || kind === 'list' ? undefined : posting,
    key,
    id: kind === 'insert' || kind === 'never' ? 0 : id[kind],
    leavesAfter,
  }
}

function kindOf(share: number): Kind {
  if (share < 0.35) return 'read'
  if (share < 0.6) return 'list'
  return share < 0.85 ? 'insert' : 'update'
}

/** What a client got; undefined if it left before the answer. */
export interface Answer {
  readonly status: number | undefined
  readonly body: unknown
}

export function send(port: number, agent: Agent, { path, body, leavesAfter }: Plan) {
  const { promise, resolve, reject } = Promise.withResolvers<Answer | undefined>()
  const text = body && JSON.stringify(body)
  const sending = request({
    port,
    host: '127.0.0.1',
    agent,
    path,
    method: text === undefined ? 'GET' : 'POST',
    headers: text === undefined ? {} : { 'content-type': 'application/json' },
  })
  const failed = (error: Error): void =>
    leavesAfter === undefined ? reject(error) : resolve(undefined)
  sending.on('error', failed)
  sending.on('response', (response) => {
    let received = ''
    response.setEncoding('utf8').on('data', (part: string) => (received += part))
    response.on('error', failed)
    response.on('end', () => {
      resolve({ status: response.statusCode, body: JSON.parse(received) as unknown })
    })
  })
  sending.end(text)
  const leaveIn = (turns: number): void => {
    if (turns > 0) setImmediate(leaveIn, turns - 1)
    else sending.destroy()
  }
  if (leavesAfter !== undefined) leaveIn(leavesAfter)
  return promise
}
