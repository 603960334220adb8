import pg, { type PoolClient } from 'pg'
import { onTestFinished } from 'vitest'
import { Client } from '../../../../orm/driver/client.ts'
import { Lane } from '../../../../orm/driver/lane/lane.ts'
import type { Failure, Part } from '../../../../orm/driver/lane/part.ts'
import type { Row } from '../../../../orm/schema/wire-form.ts'

export type Feed = 'bytes' | 'messages'

export const feeds: readonly Feed[] = ['bytes', 'messages']

/** A client of a pool, and its lane. Both end with the test. */
export interface Laned {
  readonly client: PoolClient
  readonly lane: Lane
}

export async function openLane(
  url: string,
  feed: Feed,
  settings: pg.PoolConfig = {},
): Promise<Laned> {
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
    ...settings,
    ...(feed === 'bytes' && { Client }),
  })
  pool.on('error', () => {})
  const client = await pool.connect()
  client.on('error', () => {})
  onTestFinished(async () => {
    client.release(true)
    await pool.end()
  })
  return { client, lane: Lane.of(client) }
}

/** A part with what it needs. */
export type PartGiven = Partial<Part> | string

/** What came of one part. */
export interface Result {
  readonly rows: Row[]
  tag?: string
  rowCount?: number
  typeIds?: readonly number[]
}

export interface Outcome {
  readonly failure: Failure | undefined
  readonly results: readonly Result[]
  /** At the very end, before anyone else hears of it. */
  readonly isInTransaction: boolean
}

/** Sends parts and keeps everything that comes of them. */
export function send(lane: Lane, ...parts: readonly PartGiven[]): Promise<Outcome> {
  const results: Result[] = parts.map(() => ({ rows: [] }))
  const watched = parts.map((given, at): Part => {
    const part = typeof given === 'string' ? { text: given } : given
    const result = results[at]!
    return {
      text: '',
      parameters: [],
      row: (row) => void result.rows.push(row),
      completed: (tag, rowCount) => void Object.assign(result, { tag, rowCount }),
      described: (typeIds) => void Object.assign(result, { typeIds }),
      ...part,
    }
  })
  return new Promise((resolve, reject) => {
    let count = 0
    lane.send(watched, (failure) => {
      count += 1
      if (count > 1) reject(new Error('ended twice'))
      resolve({ failure, results, isInTransaction: lane.isInTransaction })
    })
  })
}

/** The rows of a single part, which must succeed. */
export async function rowsOf(lane: Lane, part: PartGiven): Promise<readonly Row[]> {
  const { failure, results } = await send(lane, part)
  if (failure !== undefined) throw failure.error
  return results[0]!.rows
}
