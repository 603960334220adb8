import Fastify, { type FastifyInstance } from 'fastify'
import { openPeer } from './clients.ts'
import type { PeerName } from './names.ts'
import type { NewPost } from './peer.ts'

/** The parts of the requests. */
export interface Routes {
  user: { Params: { id: string } }
  posts: { Querystring: { limit: string; after: string } }
  publish: { Body: NewPost }
}

/** The same three routes for every peer. */
export async function serve(
  name: PeerName,
  url: string,
  connections: number,
): Promise<FastifyInstance> {
  const app = Fastify()
  // Only what the peer needs is loaded.
  if (name === 'ours')
    await (await import('./clients/ours-http.ts')).addRoutes(app, url, connections)
  else await addRoutes(app, name, url, connections)
  return app
}

async function addRoutes(
  app: FastifyInstance,
  name: PeerName,
  url: string,
  connections: number,
): Promise<void> {
  const peer = await openPeer(name, url, connections)
  app.addHook('onClose', () => peer.close())
  const { answer = (result: unknown) => result } = peer
  app.get<Routes['user']>('/users/:id', async (request) =>
    answer(await peer.user(Number(request.params.id))),
  )
  app.get<Routes['posts']>('/posts', async ({ query }) =>
    answer(await peer.postsWithAuthors(Number(query.after), Number(query.limit))),
  )
  app.post<Routes['publish']>('/posts', async (request, reply) => {
    reply.code(201)
    return answer(await peer.publish(request.body))
  })
}
