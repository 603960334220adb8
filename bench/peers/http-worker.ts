/** A server of one peer in its own process. */
import type { AddressInfo } from 'node:net'
import { answerRequests, workerArgument } from '../worker-process.ts'
import { serve } from './http-server.ts'
import { connections } from './peer.ts'
import type { WorkerArgument } from './worker.ts'

/** Asks for the port and for the CPU that the process has used. */
export type ServerRequest = Readonly<Record<string, never>>

export interface ServerReply {
  readonly port: number
  /** Microseconds, user and system, of all threads. */
  readonly cpu: number
}

const { peer, url } = workerArgument<WorkerArgument>()
const app = await serve(peer, url, connections)
await app.listen({ host: '127.0.0.1', port: 0 })
const { port } = app.server.address() as AddressInfo

answerRequests(
  (): Promise<ServerReply> => {
    const { user, system } = process.cpuUsage()
    return Promise.resolve({ port, cpu: user + system })
  },
  () => app.close(),
)
