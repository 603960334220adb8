import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** A process for a benchmark. It answers each request with one reply, and ends when it is disposed. */
export class WorkerProcess<Request extends object, Reply> implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #what: string

  /** @param path a file that calls `answerRequests` */
  constructor(path: string, argument: object, environment: Readonly<Record<string, string>> = {}) {
    this.#what = `${path} ${JSON.stringify(argument)}`
    this.#process = fork(path, [JSON.stringify(argument)], {
      env: { ...process.env, ...environment },
    })
  }

  async ask(request: Request): Promise<Reply> {
    const ended = new AbortController()
    const { signal } = ended
    const reply = once(this.#process, 'message', { signal }) as Promise<[Reply]>
    const end = once(this.#process, 'exit', { signal }).then(() => this.#refuse())
    try {
      if (!this.#process.connected) this.#refuse()
      this.#process.send(request)
      const [message] = await Promise.race([reply, end])
      return message
    } finally {
      ended.abort()
      await Promise.allSettled([reply, end])
    }
  }

  #refuse(): never {
    const { exitCode, signalCode } = this.#process
    const how = String(signalCode ?? exitCode)
    throw new Error(`Expected a reply, but the process ended with ${how}: ${this.#what}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exit = once(this.#process, 'exit')
    if (this.#process.connected) this.#process.disconnect()
    await exit
  }
}

/** The argument that the process was started with. */
export function workerArgument<T>(): T {
  return JSON.parse(process.argv[2] ?? 'null') as T
}

/** Answers the requests of the parent, one after the other. An error ends the process. */
export function answerRequests<Request, Reply>(
  answer: (request: Request) => Promise<Reply>,
  close: () => Promise<void>,
): void {
  process.on('message', (request) => {
    void answer(request as Request).then((reply) => process.send?.(reply))
  })
  process.once('disconnect', () => void close())
}
