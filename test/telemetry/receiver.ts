import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A span as OTLP sends it in JSON. */
export interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[]
  readonly events?: readonly {
    readonly name: string
    readonly attributes: OtlpSpan['attributes']
  }[]
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: OtlpSpan['attributes'] }
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string }
      readonly spans: readonly OtlpSpan[]
    }[]
  }[]
}

export interface Receiver extends AsyncDisposable {
  readonly endpoint: string
  /** How many exports came. */
  readonly requests: number
  readonly spans: readonly (OtlpSpan & { readonly scope: string })[]
  /** The attributes of the resource that sent the spans. */
  readonly resource: Readonly<Record<string, unknown>>
}

/** Takes what an OTLP exporter sends over HTTP in JSON, on a real socket. */
export async function startReceiver(): Promise<Receiver> {
  const exports: Export[] = []
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      exports.push(JSON.parse(body) as Export)
      response.setHeader('content-type', 'application/json').end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    get requests() {
      return exports.length
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
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export function attributesOf(attributes: OtlpSpan['attributes']): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
