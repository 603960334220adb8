import type { FastifyInstance } from 'fastify'

/** The longest time that a load balancer waits for an answer. */
const timeoutMs = 1000

/** Tells load balancers whether requests can be served. `/health` only shows that the process is alive. */
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
    idle: { type: 'integer', description: 'free connections' },
    waiting: { type: 'integer', description: 'requests that wait for a connection' },
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
