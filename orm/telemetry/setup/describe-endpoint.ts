import { connect } from 'node:net'

export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * The reason why no connection can be made; undefined where one can.
 *
 * @param longestMs the limit for looking up the host and connecting together
 */
export function unreachable(address: Address, longestMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(address)
    const end = (reason: string | undefined): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(reason)
    }
    const timer = setTimeout(() => end(`no answer within ${longestMs} ms`), longestMs)
    socket.once('connect', () => end(undefined))
    socket.on('error', ({ code, name }: NodeJS.ErrnoException) => end(code ?? name))
  })
}
