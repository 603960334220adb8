import { subscribe } from 'node:diagnostics_channel'

/** Called when the response is there, also with its last byte, or when there will be none. */
export type CallEnded = () => void

/** What wants to know of the HTTP calls that the program makes in its asynchronous context. */
export interface CallWatcher {
  /** @returns undefined if nobody wants to know when it ends */
  callStarted(host: string): CallEnded | undefined
}

/** What several want to know. */
export function together(all: readonly (CallEnded | undefined)[]): CallEnded | undefined {
  const wanted = all.filter((each) => each !== undefined)
  if (wanted.length < 2) return wanted[0]
  return () => wanted.forEach((each) => each())
}

/** @returns what watches the asynchronous context that runs */
type Watching = () => CallWatcher | undefined

let watching: Watching | undefined

/** Begins to watch the HTTP calls of the process: once, whoever asks first. */
export function watchCalls(current: Watching): void {
  if (watching !== undefined) return
  watching = current
  // `fetch`, and the package `undici`.
  onRequest('undici:request:create', ({ origin }) => started(hostOf(origin)))
  for (const end of ['headers', 'trailers', 'error']) onEnd(`undici:request:${end}`)
  // Clients on `node:http`. When the request starts, nothing of the program is on the stack any more.
  onRequest('http.client.request.created', ({ host }) => started(host))
  onEnd('http.client.response.finish')
  onEnd('http.client.request.error')
}

interface Request {
  readonly origin?: unknown
  readonly host?: unknown
}

const running = new WeakMap<Request, CallEnded>()

function onRequest(channel: string, begin: (request: Request) => CallEnded | undefined): void {
  onMessage(channel, (request) => {
    const ended = begin(request)
    if (ended !== undefined) running.set(request, ended)
  })
}

function onEnd(channel: string): void {
  onMessage(channel, (request) => running.get(request)?.())
}

function onMessage(channel: string, listener: (request: Request) => void): void {
  subscribe(channel, (message) => listener((message as { readonly request: Request }).request))
}

function started(host: unknown): CallEnded | undefined {
  return watching?.()?.callStarted(typeof host === 'string' && host !== '' ? host : 'unknown')
}

/** Without the port, which in tests is another one each time. */
function hostOf(origin: unknown): string | undefined {
  try {
    return new URL(String(origin)).hostname
  } catch {
    return undefined
  }
}
