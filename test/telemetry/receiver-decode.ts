import generated from 'otlp-decode/build/src/generated/root.js'

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

/** What one export has in it. */
export interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: OtlpSpan['attributes'] }
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string }
      readonly spans: readonly OtlpSpan[]
    }[]
  }[]
}

interface Message {
  decode(bytes: Uint8Array): object
  toObject(message: object, options: Record<string, unknown>): unknown
}

interface Generated {
  readonly opentelemetry: {
    readonly proto: {
      readonly collector: { readonly trace: { readonly v1: Record<string, Message> } }
    }
  }
}

const { ExportTraceServiceRequest: request } = (generated as unknown as Generated).opentelemetry
  .proto.collector.trace.v1

/** An export in protobuf, in the form that it has in JSON. */
export function decodeExport(bytes: Uint8Array): Export {
  if (request === undefined) throw new Error('the decoder has no ExportTraceServiceRequest')
  const message = request.toObject(request.decode(bytes), { longs: Number })
  return JSON.parse(JSON.stringify(message, withHexIds)) as Export
}

const ids = new Set(['traceId', 'spanId', 'parentSpanId'])

function withHexIds(this: unknown, key: string, value: unknown): unknown {
  if (!ids.has(key)) return value
  const bytes = (this as Record<string, Uint8Array>)[key] ?? new Uint8Array()
  return bytes.length === 0 ? undefined : Buffer.from(bytes).toString('hex')
}
