/** Sends requests with autocannon, in its own process. */
import autocannon from 'autocannon'
import { answerRequests } from '../../worker-process.ts'
import type { Load, LoadReply } from '../load.ts'

/** A load that takes longer has failed. */
const limitMs = 60_000

answerRequests(send, () => Promise.resolve())

function send({ port, amount, requests }: Load): Promise<LoadReply> {
  let started = 0
  let last = 0
  let responses = 0
  let connection = 0
  return new Promise((resolve, reject) => {
    const instance = autocannon(
      {
        url: `http://127.0.0.1:${port}`,
        connections: requests.length,
        amount,
        timeout: 10,
        // The result comes with the next sample after the last response.
        sampleInt: 50,
        setupClient: (client) => {
          const own = requests[connection++ % requests.length] ?? []
          client.setRequests(
            own.map(({ method, path, body }) => ({
              method,
              path,
              ...(body !== undefined && {
                body: JSON.stringify(body),
                headers: { 'content-type': 'application/json' },
              }),
            })),
          )
        },
      },
      (error, result) => {
        clearTimeout(timer)
        if (error !== null) return reject(error)
        const failures = result.non2xx + result.errors + result.timeouts
        resolve({ milliseconds: last - started, responses, failures })
      },
    )
    instance.on('start', () => (started = performance.now()))
    instance.on('response', () => {
      last = performance.now()
      responses += 1
    })
    const timer = setTimeout(() => instance.stop(), limitMs)
  })
}
