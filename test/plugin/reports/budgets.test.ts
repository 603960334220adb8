import { afterEach, describe, expect, it, vi } from 'vitest'
import { allowNPlusOne, sql } from '../../../orm/index.ts'
import type { DataBridgeOptions, DataBridgeRouteOptions } from '../../../plugin/index.ts'
import { Post, user, User } from '../../support/entities.ts'
import { names, serve, type Served } from '../serve.ts'
import { blogOfTen, findingLines, loadAuthors, told } from './blog-of-ten.ts'

const { url, query } = await blogOfTen()
afterEach(() => vi.unstubAllEnvs())

const serving = (
  nPlusOne: DataBridgeOptions['nPlusOne'],
  budget: DataBridgeRouteOptions,
): Promise<Served> =>
  serve({ connectionString: url, nPlusOne, headers: true }, (app) => {
    const config = { dataBridge: budget }
    app.get('/counts/:n', { config }, async ({ session, params }) => {
      const { n } = params as { readonly n: string }
      for (let index = 0; index < Number(n); index += 1) {
        await session.find(User).filter({ age: index }).count()
        await session.find(Post).filter({ likes: index }).count()
        await session.find(User).filter({ age: index }).exists()
      }
    })
    app.get('/authors', { config }, ({ session }) => loadAuthors(session))
    app.get('/job', { config }, () => app.dataBridge.run((session) => loadAuthors(session)))
    app.get('/slow', { config }, ({ session }) => session.execute(sql`select pg_sleep(0.02)`))
    app.post('/users', { config }, async ({ session }) => {
      session.add(user('eve'))
    })
    app.get('/allowed', { config }, ({ session }) =>
      allowNPlusOne('it is small', () => loadAuthors(session)),
    )
  })

const budgetLine = (served: Served) =>
  findingLines(served)
    .map((line) => line['nPlusOne'] as Record<string, unknown>)
    .find(({ kind }) => kind === 'budget')

describe('a request that sends more than maxQueries', () => {
  it('has a finding, and its response is as it would be', async () => {
    await using served = await serving('detect', { maxQueries: 10 })
    const response = await served.fetch('/authors')
    expect(response.status).toBe(200)
    expect(response.headers.get('x-db-n-plus-one')).toBe(
      'Post.author;n=10;k=relation, "GET /authors";n=11;k=budget',
    )
    expect(budgetLine(served)).toMatchObject({
      target: 'GET /authors',
      count: 11,
      avoidableQueries: 1,
      severity: 'warn',
      fix: 'find(Post).options(selectinload(Post.author)) saves most: n1.relation Post.author, 10 statements',
    })
  })

  it('is told which statements are the most frequent, where there is no other finding', async () => {
    await using served = await serving({ thresholds: { query: 100 } }, { maxQueries: 5 })
    await served.fetch('/counts/2')
    expect(budgetLine(served)).toMatchObject({
      target: 'GET /counts/:n',
      count: 6,
      fix: expect.stringMatching(
        /^send fewer statements, or raise maxQueries: 5; the most frequent ones are SELECT users 4 times, SELECT posts 2 times$/,
      ) as string,
    })
  })

  it.each(['/job', '/allowed'])('counts all that the request does: %s', async (path) => {
    await using served = await serving('detect', { maxQueries: 10 })
    await served.fetch(path)
    expect(budgetLine(served)).toMatchObject({ count: 11 })
  })

  it('has none at the limit, nor in the mode off', async () => {
    await using served = await serving('detect', { maxQueries: 11 })
    await served.fetch('/authors')
    expect(told(served)).toEqual(['Post.author 10'])
    await using silent = await serving('off', { maxQueries: 1 })
    expect((await silent.fetch('/authors')).headers.get('x-db-query-count')).toBe('11')
    expect(told(silent)).toEqual([])
  })

  it('has one in production, and nobody has counted texts for it', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    await using served = await serving({ thresholds: { query: 100 } }, { maxQueries: 5 })
    await served.fetch('/counts/2')
    expect(budgetLine(served)).toMatchObject({
      fix: 'send fewer statements, or raise maxQueries: 5',
    })
  })

  it('fails in the mode strict, with what its flush sends, and saves nothing', async () => {
    await using served = await serving('strict', { maxQueries: 0 })
    const before = await names(query)
    const response = await served.fetch('/users', { method: 'POST' })
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({
      code: 'DATA_BRIDGE_ERR_N_PLUS_ONE',
      message: expect.stringMatching(/budget POST \/users, 1 statement\./) as string,
    })
    expect(await names(query)).toEqual(before)
  })
})

describe('maxDbMs', () => {
  it('is a finding for a request whose statements take longer', async () => {
    await using served = await serving('detect', { maxDbMs: 10 })
    await served.fetch('/slow')
    expect(told(served)).toEqual(['GET /slow 1'])
    expect(budgetLine(served)).toMatchObject({ avoidableQueries: 0 })
  })
})

describe('a budget', () => {
  it.each([
    [{ maxQueries: -1 }, 'maxQueries expected a whole number from 0'],
    [{ maxQueries: '5' }, 'maxQueries expected a whole number from 0'],
    [{ maxDbMs: Number.NaN }, 'maxDbMs expected a number of milliseconds from 0'],
  ])('is refused: %j', async (budget, message) => {
    await using served = await serving('detect', budget as DataBridgeRouteOptions)
    expect((await served.fetch('/authors')).status).toBe(500)
    const stacks = served.logs.flatMap(({ err }) => err?.stack ?? [])
    expect(stacks).toEqual([expect.stringContaining(message)])
  })
})
