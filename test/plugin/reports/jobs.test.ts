import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Database, type FindingMessage, sql } from '../../../orm/index.ts'
import { Post } from '../../support/entities.ts'
import { serve, type Served } from '../serve.ts'
import { blogOfTen, findingLines, loadAuthors, told } from './blog-of-ten.ts'

const { database, url } = await blogOfTen()
afterEach(() => vi.unstubAllEnvs())

const serving = (): Promise<Served> => serve({ connectionString: url }, () => {})

/** What subscribers get while some work is done. */
async function published(work: () => Promise<unknown>): Promise<readonly FindingMessage[]> {
  const messages: FindingMessage[] = []
  const take = (message: unknown): void => void messages.push(message as FindingMessage)
  subscribe('data-bridge:n-plus-one', take)
  try {
    await work()
  } finally {
    unsubscribe('data-bridge:n-plus-one', take)
  }
  return messages
}

describe("a job on the plugin's database", () => {
  it.each<[string, (database: Database) => Promise<unknown>]>([
    ['run', (each) => each.run((session) => loadAuthors(session))],
    ['transaction', (each) => each.transaction((session) => loadAuthors(session))],
    [
      'session',
      async (each) => {
        await using session = each.session()
        await loadAuthors(session)
      },
    ],
  ])('has its findings in the log of the application: %s', async (_how, job) => {
    await using served = await serving()
    await job(served.app.dataBridge)
    expect(told(served)).toEqual(['Post.author 10'])
    expect(served.logs.filter((line) => 'isLate' in line || 'reqId' in line)).toEqual([])
  })

  it('has the name of its scope', async () => {
    await using served = await serving()
    await served.app.dataBridge.scope('job:authors', (session) => loadAuthors(session))
    const [line] = findingLines(served)
    expect(line).toMatchObject({
      nPlusOne: { target: 'Post.author', scope: 'job:authors' },
      msg: expect.stringMatching(/^N\+1: job:authors: Post\.author was loaded by 10/) as string,
    })
  })

  it('has one line for all that belongs to it', async () => {
    await using served = await serving()
    const { dataBridge } = served.app
    await dataBridge.scope('outer', async () => {
      for (let index = 0; index < 2; index += 1)
        await dataBridge.run((session) => loadAuthors(session, 5))
      await dataBridge.scope('inner', (session) => loadAuthors(session))
    })
    expect(findingLines(served).map(({ nPlusOne }) => nPlusOne)).toMatchObject([
      { scope: 'outer', count: 5 },
      { scope: 'outer', count: 5 },
      { scope: 'inner', count: 10 },
    ])
  })

  it('has its findings where it fails', async () => {
    await using served = await serving()
    const job = served.app.dataBridge.run(async (session) => {
      await loadAuthors(session)
      throw new Error('failed')
    })
    await expect(job).rejects.toThrow('failed')
    expect(told(served)).toEqual(['Post.author 10'])
  })

  it('P47 job scope / no HTTP: is told while it runs for long, and with its total at the end', async () => {
    await using served = await serving()
    await served.app.dataBridge.scope('job', async (session) => {
      for (const post of await session.find(Post).limit(5).toList()) {
        await session.execute(sql`select pg_sleep(0.4)`)
        await post.author
      }
      expect(served.logs.filter((line) => 'isLive' in line)).toHaveLength(1)
    })
    const [live, total, ...others] = served.logs.filter((line) => 'nPlusOne' in line)
    expect(others).toEqual([])
    expect(live?.msg).toMatch(/^N\+1: job: Post\.author was loaded by ≥[2-5] queries/)
    expect(total?.msg).toMatch(/^N\+1: job: Post\.author was loaded by 5 queries/)
    expect(total).not.toHaveProperty('isLive')
  })

  it('has a line once a minute in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    await using served = await serving()
    for (let index = 0; index < 3; index += 1)
      await served.app.dataBridge.scope('job', (session) => loadAuthors(session))
    await served.app.dataBridge.scope('other', (session) => loadAuthors(session))
    expect(told(served)).toEqual(['Post.author 10', 'Post.author 10'])
  })
})

describe('a job on another database', () => {
  it('tells the subscribers of the channel, and nobody else', async () => {
    await using served = await serve({ database }, () => {})
    const messages = await published(async () => {
      await database.scope('job:authors', (session) => loadAuthors(session))
      await database.run((session) => loadAuthors(session, 2))
    })
    expect(messages).toMatchObject([
      { finding: { target: 'Post.author', count: 10 }, scope: 'job:authors' },
      { finding: { target: 'Post.author', count: 2 } },
    ])
    expect(messages.map((message) => Object.keys(message).toSorted())).toEqual([
      ['finding', 'scope'],
      ['finding'],
    ])
    expect(told(served)).toEqual([])
  })

  it('tells of a session that belongs to nothing when it ends', async () => {
    const messages = await published(async () => {
      const session = database.session()
      await loadAuthors(session)
      await session.close()
    })
    expect(messages.map(({ finding }) => finding.target)).toEqual(['Post.author'])
  })

  it('tells no subscriber with diagnostics: false', async () => {
    const nPlusOne = { channels: { diagnostics: false } }
    await using silent = new Database({ connectionString: url, nPlusOne })
    expect(await published(() => silent.run((session) => loadAuthors(session)))).toEqual([])
  })
})
