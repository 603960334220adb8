import { paint, print } from './output.ts'
import { treeLines } from './span-tree.ts'
import type { TakeSpans } from './spans.ts'

/** The expected response. Without `queries`, the request must not use the database. */
export interface Expected {
  readonly status: number
  readonly queries?: number
}

export interface Answer<Body> {
  readonly body: Body
  readonly queries: number
}

/** Sends requests, prints the responses, and counts those that are not as expected. */
export class DemoClient {
  readonly #url: string
  readonly #stop: AbortSignal
  readonly #takeSpans: TakeSpans
  requests = 0
  unexpected = 0

  constructor(url: string, takeSpans: TakeSpans, stop: AbortSignal) {
    this.#url = url
    this.#takeSpans = takeSpans
    this.#stop = stop
  }

  get<Body>(path: string, expected: Expected): Promise<Answer<Body>> {
    return this.#send('GET', path, expected)
  }

  post<Body>(path: string, body: object, expected: Expected): Promise<Answer<Body>> {
    return this.#send('POST', path, expected, body)
  }

  patch<Body>(path: string, body: object, expected: Expected): Promise<Answer<Body>> {
    return this.#send('PATCH', path, expected, body)
  }

  delete(path: string, expected: Expected): Promise<Answer<undefined>> {
    return this.#send('DELETE', path, expected)
  }

  /** Prints a statement about the responses, and counts it if it is false. */
  check(statement: string, holds: boolean): void {
    if (holds) return print(paint('green', `  ✓ ${statement}`))
    this.unexpected += 1
    print(paint('red', `  ✗ expected: ${statement}`))
  }

  async #send<Body>(
    method: string,
    path: string,
    expected: Expected,
    body?: object,
  ): Promise<Answer<Body>> {
    this.#stop.throwIfAborted()
    const payload = body && JSON.stringify(body)
    this.#takeSpans() // spans between two requests belong to neither
    print()
    print(`${paint('bold', `${method} ${path}`)}${payload === undefined ? '' : ` ${payload}`}`)
    const response = await fetch(this.#url + path, {
      method,
      ...(payload !== undefined && {
        body: payload,
        headers: { 'content-type': 'application/json' },
      }),
    })
    const text = await response.text()
    this.requests += 1
    this.#report(response, text, expected)
    return {
      body: (text === '' ? undefined : JSON.parse(text)) as Body,
      queries: Number(response.headers.get('x-db-query-count')),
    }
  }

  #report({ status, headers }: Response, text: string, expected: Expected): void {
    const costs = [...headers].filter(([name]) => name.startsWith('x-db-'))
    const statusLine = paint(status < 400 ? 'green' : 'yellow', String(status))
    print(`  ${statusLine}${costs.map(([name, value]) => `  ${name}: ${value}`).join('')}`)
    if (status >= 400) print(paint('dim', `  ${text}`))
    for (const line of treeLines(this.#takeSpans())) print(paint('dim', `  ${line}`))
    if (status !== expected.status) this.check(`the status is ${expected.status}`, false)
    const { queries } = expected
    if (headers.get('x-db-query-count') !== (queries === undefined ? null : String(queries)))
      this.check(`the request sent ${queries ?? 0} queries`, false)
  }
}
