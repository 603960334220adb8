/** A proxy in its own process, so that nobody who is measured pays for it. */
import { answerRequests, workerArgument } from '../worker-process.ts'
import { LatencyProxy } from './latency-proxy.ts'

export interface ProxyArgument {
  readonly url: string
}

export interface ProxyRequest {
  /** Milliseconds each way. */
  readonly delay: number
}

export interface ProxyReply {
  /** The database behind the proxy. */
  readonly url: string
}

const proxy = await LatencyProxy.to(workerArgument<ProxyArgument>().url)

answerRequests(
  ({ delay }: ProxyRequest): Promise<ProxyReply> => {
    proxy.delay = delay
    return Promise.resolve({ url: proxy.url })
  },
  () => proxy[Symbol.asyncDispose](),
)
