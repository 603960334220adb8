import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { bounded } from '../../orm/telemetry/setup/flush.ts'

const told: string[] = []
const tell = (message: string): void => void told.push(message)
const diagnostics = { debug: tell, info: tell, warn: tell }
const done = (): Promise<void> => Promise.resolve()

beforeEach(() => {
  told.length = 0
  vi.useFakeTimers()
})

afterEach(() => void vi.useRealTimers())

describe('a flush', () => {
  it('that fails is told of with its reasons, and does not reject', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED ::1:4317'), { code: 'x' })
    const nameless = Object.assign(new Error(''), { code: 'ECONNRESET' })
    const failure = new AggregateError([[refused], new AggregateError([nameless])])
    const telemetry = bounded({ flush: () => Promise.reject(failure), shutdown: done }, diagnostics)
    await telemetry.flush()
    expect(told).toEqual(['flush failed: connect ECONNREFUSED ::1:4317, ECONNRESET'])
  })

  it('is waited for no longer than 3 seconds, and so is the next one', async () => {
    const never = (): Promise<void> => new Promise(() => {})
    const telemetry = bounded({ flush: never, shutdown: never }, diagnostics)
    const ended = Promise.all([telemetry.flush(), telemetry.flush()])
    await vi.advanceTimersByTimeAsync(3000)
    await ended
    const shut = telemetry.shutdown()
    await vi.advanceTimersByTimeAsync(3000)
    await shut
    expect(told).toEqual([
      'flush failed: no answer within 3000 ms',
      'flush failed: no answer within 3000 ms',
      'shutdown failed: no answer within 3000 ms',
    ])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('waits for one that was asked for before', async () => {
    const order: string[] = []
    let answer = (): void => {}
    const exports = [
      new Promise<void>((resolve) => (answer = resolve)).then(() => order.push('export')),
      Promise.resolve(),
    ]
    const flush = async (): Promise<void> => void (await exports.shift())
    const telemetry = bounded({ flush, shutdown: done }, diagnostics)
    void telemetry.flush()
    const second = telemetry.flush().then(() => order.push('second'))
    await vi.advanceTimersByTimeAsync(100)
    answer()
    await second
    expect(order).toEqual(['export', 'second'])
  })

  it('after the shutdown is the shutdown, which is done once', async () => {
    const shutdown = vi.fn<() => Promise<void>>(done)
    const flush = vi.fn<() => Promise<void>>(done)
    await using telemetry = bounded({ flush, shutdown }, diagnostics)
    await telemetry.shutdown()
    await telemetry.flush()
    await telemetry.shutdown()
    expect([shutdown.mock.calls.length, flush.mock.calls.length]).toEqual([1, 0])
    expect(told).toEqual(['shutdown: done'])
  })
})
