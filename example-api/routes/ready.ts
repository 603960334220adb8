import type { FastifyInstance } from 'fastify'

/** How long a balancer is kept waiting for an answer. */
const timeoutMs = 1000

/** Whether requests can be served: for balancers. `/health` says that the process lives, and asks nobody. */
export async function readyRoutes(app: FastifyInstance): Promise<void> {
  app.get('/ready', { schema }, async (request, reply) => {
    const { isUp, latencyMs, error, pool } = await app.dataBridge.health({ timeoutMs })
    if (isUp) return { status: 'ready', latencyMs: Math.round(latencyMs), pool }
    request.log.warn({ error, pool }, 'the database does not answer')
    return reply.code(503).send({ status: 'unavailable' })
  })
}

const pool = {
  type: 'object',
  properties: {
    total: { type: 'integer', description: 'connections' },
    idle: { type: 'integer', description: 'those that are free' },
    waiting: { type: 'integer', description: 'requests that wait for one' },
  },
}

const schema = {
  response: {
    200: {
      type: 'object',
      properties: { status: { type: 'string' }, latencyMs: { type: 'integer' }, pool },
    },
    503: { type: 'object', properties: { status: { type: 'string' } } },
  },
}
