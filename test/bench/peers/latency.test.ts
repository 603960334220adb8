import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DelayLine } from '../../../bench/peers/delay-line.ts'
import { LatencyProxy } from '../../../bench/peers/latency-proxy.ts'

describe('a line with a delay', () => {
  const steps = fc.array(
    fc.record({ after: fc.nat({ max: 5 }), delay: fc.nat({ max: 9 }), sends: fc.boolean() }),
  )

  it('delivers everything in order, and nothing before its time', () => {
    fc.assert(
      fc.property(steps, (all) => {
        let now = 0
        let delay = 0
        const line = new DelayLine<{ readonly number: number; readonly due: number }>(() => delay)
        const arrived: number[] = []
        let sent = 0
        const arrive = (): void => {
          for (const { number, due } of line.arrived(now)) {
            expect(due).toBeLessThanOrEqual(now)
            arrived.push(number)
          }
        }
        for (const step of all) {
          now += step.after
          delay = step.delay
          if (step.sends) line.send({ number: sent++, due: now + delay }, now)
          else arrive()
          expect(line.next !== undefined).toBe(sent > arrived.length)
        }
        now = Infinity
        arrive()
        expect(arrived).toEqual(Array.from({ length: sent }, (_, number) => number))
        expect(line.next).toBeUndefined()
      }),
    )
  })

  it('says when the next item is due', () => {
    const line = new DelayLine<string>(() => 5)
    line.send('a', 10)
    line.send('b', 12)
    expect(line.next).toBe(15)
    expect(line.arrived(14)).toEqual([])
    expect(line.arrived(16)).toEqual(['a'])
    expect(line.next).toBe(17)
  })
})

describe('a proxy with latency', () => {
  it.each([0, 0.5, 3])('passes bytes on after %d ms, and the end', async (delay) => {
    await using echo = await echoServer()
    await using proxy = await LatencyProxy.to(`tcp://127.0.0.1:${echo.port}`)
    proxy.delay = delay
    const client = connect({ host: '127.0.0.1', port: Number(new URL(proxy.url).port) })
    await once(client, 'connect')
    const text = 'x'.repeat(200_000)
    const before = performance.now()
    client.end(text)
    let received = ''
    for await (const chunk of client.setEncoding('utf8')) received += chunk
    expect(received === text).toBe(true)
    expect(performance.now() - before).toBeGreaterThanOrEqual(2 * delay)
  })

  it('ends the connection to the server when the client is gone', async () => {
    await using echo = await echoServer()
    await using proxy = await LatencyProxy.to(`tcp://127.0.0.1:${echo.port}`)
    proxy.delay = 1
    const client = connect({ host: '127.0.0.1', port: Number(new URL(proxy.url).port) })
    const socket = await echo.accepted
    const closed = once(socket, 'close')
    client.destroy()
    await closed
    expect(socket.destroyed).toBe(true)
  })
})

interface Echo extends AsyncDisposable {
  readonly port: number
  readonly accepted: Promise<Socket>
}

async function echoServer(): Promise<Echo> {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket))
  const accepted = once(server, 'connection').then(([socket]: unknown[]) => socket as Socket)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    accepted,
    [Symbol.asyncDispose]: async () => {
      server.close()
      await once(server, 'close')
    },
  }
}
