import type { FastifyInstance } from 'fastify'

/**
 * Makes `app.close()` end with the last answer. Without this, a connection that is busy when `close()` is
 * called stays alive afterwards, and `close()` waits until the client closes it.
 */
export function closeWithLastAnswers(app: FastifyInstance): void {
  let isClosing = false

  app.addHook('preClose', (done) => {
    isClosing = true
    done()
  })

  app.addHook('onSend', (_request, reply, payload, done) => {
    if (isClosing) reply.header('connection', 'close')
    done(null, payload)
  })
}
