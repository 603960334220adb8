import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { blog, Post, user } from '../support/entities.ts'
import { type Receiver, startReceiver } from './receiver.ts'
import { type Service, startService } from './service.ts'

/** A line of the log, as a log collector gets it. */
interface Line {
  readonly level: number
  readonly msg: string
  readonly reqId?: string
  readonly trace_id?: string
  readonly span_id?: string
  readonly trace_flags?: string
  readonly nPlusOne?: object
  readonly slowQuery?: { readonly summary: string; readonly sql: string }
}

const { url, database } = await testDatabase(blog)

// One service for all that a service writes in the same way.
const stack = new AsyncDisposableStack()
let receiver: Receiver
let service: Service
beforeAll(async () => {
  await database.run((session) => {
    const authors = Array.from({ length: 10 }, (_, index) => user(`user${index}`))
    session.add(authors.map((author) => new Post({ title: 'post', author })))
  })
  receiver = stack.use(await startReceiver())
  service = stack.use(await start(receiver))
})
afterAll(() => stack.disposeAsync())

/** The service that logs, started with the preload. */
function start(receiver: Receiver, env: Readonly<Record<string, string>> = {}): Promise<Service> {
  return startService({
    file: 'logging.ts',
    marker: /Server listening at (http:[^"]+)"/,
    env: {
      DATABASE_URL: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      ...env,
    },
  })
}

/** Sends a request, and gives its lines when it has been completed. */
async function linesOfRequest(service: Service, path: string): Promise<readonly Line[]> {
  const ofRequests = (): Line[] => linesOf(service).filter(({ reqId }) => reqId !== undefined)
  const earlier = ofRequests().length
  await (await fetch(`${service.url}${path}`)).text()
  const lines = (): Line[] => ofRequests().slice(earlier)
  await expect.poll(() => lines().map(({ msg }) => msg)).toContain('request completed')
  expect(new Set(lines().map(({ reqId }) => reqId)).size).toBe(1)
  return lines()
}

function linesOf({ output }: Service): Line[] {
  const complete = output.split('\n').slice(0, -1)
  return complete.map((line) => JSON.parse(line) as Line)
}

/** The spans of a trace, when the last one of its session has been exported. */
async function exportedSpans(traceId: string | undefined): Promise<Receiver['spans']> {
  const read = (): Receiver['spans'] => receiver.spans.filter((span) => span.traceId === traceId)
  await expect.poll(() => read().map(({ name }) => name)).toContain('db.session.close')
  return read()
}

const documentation = readFileSync(new URL('../../docs/logging.md', import.meta.url), 'utf8')

/** The line in the documentation that has this field. */
function documentedLine(field: 'nPlusOne' | 'slowQuery'): Line {
  const blocks = [...documentation.matchAll(/```json\n(.*?)```/gs)].map(([, block]) => block ?? '')
  return JSON.parse(blocks.find((block) => block.includes(`"${field}"`)) ?? '') as Line
}

describe('the log of a service that is started with the preload', () => {
  it('has the id of the exported trace in every line of a request, warnings among them', async () => {
    const lines = await linesOfRequest(service, '/lazy')
    const traceId = lines[0]?.trace_id
    const spans = await exportedSpans(traceId)
    expect(lines.map(({ msg }) => msg.replace(/ took .*/, ''))).toEqual([
      'incoming request',
      'in the handler',
      'slow query: SELECT posts',
      ...Array.from({ length: 10 }, () => 'slow query: SELECT users'),
      'after the queries',
      expect.stringMatching(/^N\+1: Post\.author was loaded by 10 queries/),
      'request completed',
    ])
    expect(lines.map(({ msg, trace_id }) => [msg, trace_id])).toEqual(
      lines.map(({ msg }) => [msg, traceId]),
    )
    const spanIds = new Set(spans.map(({ spanId }) => spanId))
    for (const { span_id: id, trace_flags: flags } of lines) {
      expect(spanIds).toContain(id)
      expect(flags).toBe('01')
    }
  })

  it('has no ids outside of a request', async () => {
    await expect
      .poll(() => linesOf(service).map(({ msg }) => msg))
      .toContain('outside of a request')
    const outside = linesOf(service).filter(({ reqId }) => reqId === undefined)
    for (const line of outside) expect(line).not.toHaveProperty('trace_id')
  })

  it('says with flags 00 that the trace was not taken', async () => {
    await using unused = await startReceiver()
    await using silent = await start(unused, { OTEL_TRACES_SAMPLER: 'always_off' })
    const lines = await linesOfRequest(silent, '/lazy')
    expect(new Set(lines.map(({ trace_flags: flags }) => flags))).toEqual(new Set(['00']))
    expect(new Set(lines.map(({ trace_id: id }) => id)).size).toBe(1)
    expect(unused.requests).toBe(0)
  })

  it('has no ids where tracing is off, and the same lines', async () => {
    await using unused = await startReceiver()
    await using silent = await start(unused, { DATA_BRIDGE_TRACING_ENABLED: 'false' })
    const lines = await linesOfRequest(silent, '/lazy')
    expect(lines.filter(({ nPlusOne }) => nPlusOne !== undefined)).toHaveLength(1)
    expect(lines.filter(({ slowQuery }) => slowQuery !== undefined)).toHaveLength(11)
    for (const line of lines) expect(line).not.toHaveProperty('trace_id')
  })

  it.each(['/found', '/fails'])('never has a value of a statement: %s', async (path) => {
    const lines = await linesOfRequest(service, path)
    expect(lines.some(({ slowQuery }) => slowQuery !== undefined)).toBe(true)
    expect(JSON.stringify(lines)).not.toMatch(/sesame|user1@/)
  })

  it('has the warnings that the documentation shows', async () => {
    const lines = await linesOfRequest(service, '/lazy')
    const { nPlusOne: finding, msg } = documentedLine('nPlusOne')
    const found = lines.find(({ nPlusOne }) => nPlusOne !== undefined)
    expect(found).toMatchObject({
      level: 40,
      nPlusOne: {
        ...finding,
        durationMs: expect.any(Number),
        avoidableMs: expect.any(Number),
        site: { file: expect.stringMatching(/logging\.ts$/) },
        parent: { target: 'Post', rows: 10 },
        sql: expect.stringMatching(/^select .* from "users"/),
      },
    })
    expect(withoutPlaces(found?.msg)).toBe(withoutPlaces(msg))
    expect(Object.keys(found?.nPlusOne ?? {}).toSorted()).toEqual(
      Object.keys(finding ?? {}).toSorted(),
    )
    const slow = lines.find(({ slowQuery }) => slowQuery?.summary === 'SELECT users')
    const { level, slowQuery } = documentedLine('slowQuery')
    expect(slow?.level).toBe(level)
    expect(Object.keys(slow?.slowQuery ?? {})).toEqual(Object.keys(slowQuery ?? {}))
    expect(slow?.slowQuery?.sql).toMatch(/^select .* from "users" as "t0" where "t0"\."id" = \$1/)
    expect(slow?.msg).toMatch(/^slow query: SELECT users took \d+(\.\d)? ms$/)
  })
})

/** A line without places and times, which are others in the documentation. */
function withoutPlaces(line: string | undefined): string | undefined {
  return line?.replace(/[^\s()]+:\d+:\d+(?: in [\w.]+)?/g, '<place>').replace(/[\d.]+ ms/, '<time>')
}
