import type { FastifyInstance } from 'fastify'

/**
 * Lets `app.close()` end with the last answer. Without this a connection that was busy when it was
 * called is kept alive afterwards, and `close()` waits until its client lets go of it.
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
