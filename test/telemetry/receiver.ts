import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { type Metadata, Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js'
import { decodeExport, type Export, type OtlpSpan } from './receiver-decode.ts'

export type { OtlpSpan } from './receiver-decode.ts'

/** What came with an export: the headers of HTTP, the metadata of gRPC. */
export interface Arrival {
  /** The path of HTTP; of gRPC the method. */
  readonly path: string
  readonly headers: Readonly<Record<string, unknown>>
}

export interface Receiver extends AsyncDisposable {
  /** Of HTTP, in JSON and in protobuf. */
  readonly endpoint: string
  readonly grpcEndpoint: string
  /** Settles when the first export has come, which need not be answered yet. */
  readonly begun: Promise<void>
  /** How many exports came. */
  readonly requests: number
  readonly arrivals: readonly Arrival[]
  readonly spans: readonly (OtlpSpan & { readonly scope: string })[]
  /** The attributes of the resource that sent the spans. */
  readonly resource: Readonly<Record<string, unknown>>
}

const grpcPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'

/**
 * Takes what OTLP exporters send, in each of its protocols, on real sockets.
 *
 * @param latencyMs how long it takes to answer the first export; of a client that has left by then it keeps nothing
 */
export async function startReceiver(latencyMs = 0): Promise<Receiver> {
  const arrivals: Arrival[] = []
  const exports: Export[] = []
  let hasBegun = false
  let begin = (): void => {}
  const begun = new Promise<void>((resolve) => (begin = resolve))
  const take: Take = async (arrival, decode, hasLeft) => {
    const isFirst = !hasBegun
    hasBegun = true
    begin()
    if (isFirst && latencyMs > 0) await setTimeout(latencyMs, undefined, { ref: false })
    if (hasLeft()) return
    arrivals.push(arrival)
    if (!/\/v1\/(?:metrics|logs)$/.test(arrival.path)) exports.push(decode())
  }
  const http = await listenHttp(take)
  const grpc = await listenGrpc(take)
  return {
    endpoint: `http://127.0.0.1:${http.port}`,
    grpcEndpoint: `http://127.0.0.1:${grpc.port}`,
    arrivals,
    begun,
    get requests() {
      return arrivals.length
    },
    get spans() {
      return exports
        .flatMap(({ resourceSpans }) => resourceSpans)
        .flatMap(({ scopeSpans }) => scopeSpans)
        .flatMap(({ scope, spans }) => spans.map((span) => ({ ...span, scope: scope.name })))
    },
    get resource() {
      return attributesOf(exports[0]?.resourceSpans[0]?.resource.attributes ?? [])
    },
    async [Symbol.asyncDispose]() {
      grpc.server.forceShutdown()
      const closed = new Promise((resolve) => http.server.close(resolve))
      http.server.closeAllConnections()
      await closed
    },
  }
}

type Take = (arrival: Arrival, decode: () => Export, hasLeft: () => boolean) => Promise<void>

async function listenHttp(take: Take): Promise<{ server: HttpServer; port: number }> {
  const server = createServer((request, response) => {
    const { url: path = '', headers } = request
    const isJson = headers['content-type'] === 'application/json'
    void bodyOf(request).then(async (body) => {
      const decode = (): Export =>
        isJson ? (JSON.parse(body.toString()) as Export) : decodeExport(body)
      await take({ path, headers }, decode, () => response.destroyed)
      response.setHeader('content-type', headers['content-type'] ?? '').end(isJson ? '{}' : '')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, port: (server.address() as AddressInfo).port }
}

async function listenGrpc(take: Take): Promise<{ server: GrpcServer; port: number }> {
  const server = new GrpcServer()
  const bytes = (value: Buffer): Buffer => value
  const method = {
    path: grpcPath,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  } as const
  const Export = (
    call: {
      readonly request: Buffer
      readonly metadata: Metadata
      readonly cancelled: boolean
    },
    callback: (error: null, answer: Buffer) => void,
  ): void => {
    const arrival = { path: grpcPath, headers: call.metadata.getMap() }
    const decode = (): Export => decodeExport(call.request)
    void take(arrival, decode, () => call.cancelled).then(() => callback(null, Buffer.alloc(0)))
  }
  server.addService({ Export: method }, { Export })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  return { server, port }
}

export function attributesOf(attributes: OtlpSpan['attributes']): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
}
