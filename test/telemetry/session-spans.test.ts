import { trace } from '@opentelemetry/api'
import { beforeEach, describe, expect, it } from 'vitest'
import { Session } from '../../orm/index.ts'
import { coded } from '../support/failure.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post, user } from '../support/entities.ts'
import { outline, startTracing, takeSpans, treesOf } from './traced.ts'

startTracing()
const { url } = await testDatabase(blog)

beforeEach(() => void takeSpans())

describe('a session outside Fastify', () => {
  it('is traced under the span that is active', async () => {
    await trace.getTracer('job').startActiveSpan('job', async (job) => {
      await using session = new Session(url)
      session.add(new Post({ title: 'hello', author: user('ann') }))
      await session.commit()
      await session.find(Post).toList()
      await session.rollback()
      job.end()
    })
    expect(treesOf(takeSpans()).map(outline)).toEqual([
      'job(db.session.open db.session.commit(db.session.flush) db.query.find db.session.rollback db.session.close)',
    ])
  })

  it('has root spans where none is active', async () => {
    const session = new Session(url)
    await session.find(Post).exists()
    await session.close()
    expect(treesOf(takeSpans()).map(outline)).toEqual([
      'db.session.open',
      'db.query.exists',
      'db.session.rollback',
      'db.session.close',
    ])
  })

  it('says that it could not be opened', async () => {
    await using session = new Session('postgresql://localhost:1/none')
    await expect(session.open()).rejects.toThrow(coded('DATA_BRIDGE_ERR_UNREACHABLE'))
    const [opening] = takeSpans()
    expect(opening?.name).toBe('db.session.open')
    expect(opening?.attributes).toMatchObject({ 'error.type': 'DATA_BRIDGE_ERR_UNREACHABLE' })
  })

  it('has no spans with tracing: false', async () => {
    await using session = new Session(url, { tracing: false })
    await session.find(Post).exists()
    expect(takeSpans()).toEqual([])
  })

  it('counts what a flush writes', async () => {
    await using session = new Session(url)
    const kept = user('kept')
    const gone = user('gone')
    session.add(kept, gone)
    await session.flush()
    kept.age = 30
    session.delete(gone)
    session.add(user('new'))
    await session.flush()
    const flushes = takeSpans().filter(({ name }) => name === 'db.session.flush')
    expect(flushes.map(({ attributes }) => attributes)).toMatchObject([
      { 'db.session.pending_count': 2, 'db.session.dirty_count': 0, 'db.session.deleted_count': 0 },
      { 'db.session.pending_count': 1, 'db.session.dirty_count': 1, 'db.session.deleted_count': 1 },
    ])
    await session.rollback()
  })
})
