import type { FastifyInstance } from 'fastify'

export async function healthRoutes(app: FastifyInstance): Promise<void> {
  const schema = {
    response: { 200: { type: 'object', properties: { status: { type: 'string' } } } },
  }

  app.get('/health', { schema }, async () => ({ status: 'ok' }))
}
