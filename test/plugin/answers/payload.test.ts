import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { statusOf } from '../../../plugin/payload.ts'

describe('statusOf', () => {
  const status = fc.integer({ min: 200, max: 599 })

  it('is that of the reply for every payload of Fastify', () => {
    const payload = fc.oneof(fc.anything(), fc.constant(Buffer.from('x')))
    fc.assert(
      fc.property(status, payload, (code, body) => {
        expect(statusOf(code, body)).toBe(code)
      }),
    )
  })

  it('is that of a web Response, which Fastify takes over after the hooks', () => {
    fc.assert(
      fc.property(status, status, (code, own) => {
        expect(statusOf(code, new Response(null, { status: own }))).toBe(own)
      }),
    )
  })

  it('is that of a Response of another copy of fetch, too', () => {
    const foreign = { status: 503, [Symbol.toStringTag]: 'Response' }
    expect(statusOf(200, foreign)).toBe(503)
  })
})
