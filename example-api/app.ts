import Fastify, { type FastifyInstance } from 'fastify'
import dataBridge, { type DataBridgeOptions } from 'fastify-data-bridge'
import { closeWithLastAnswers } from './last-answers.ts'
import { healthRoutes } from './routes/health.ts'
import { postRoutes } from './routes/posts.ts'
import { readyRoutes } from './routes/ready.ts'
import { statsRoutes } from './routes/stats.ts'
import { tagRoutes } from './routes/tags.ts'
import { transferRoutes } from './routes/transfer-posts.ts'
import { userRoutes } from './routes/users.ts'

export interface AppOptions extends DataBridgeOptions {
  readonly logger?: boolean
}

/** Builds the application. It does not listen yet. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { logger = false, ...dataBridgeOptions } = options
  const app = Fastify({ logger })
  closeWithLastAnswers(app)
  await app.register(dataBridge, dataBridgeOptions)
  await app.register(healthRoutes)
  await app.register(readyRoutes)
  await app.register(postRoutes)
  await app.register(userRoutes)
  await app.register(tagRoutes)
  await app.register(transferRoutes)
  await app.register(statsRoutes)
  return app
}
