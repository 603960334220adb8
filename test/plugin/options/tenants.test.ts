import { beforeEach, describe, expect, it } from 'vitest'
import { selectinload } from '../../../orm/index.ts'
import { Author, desk, fillDesk, Post } from '../../orm/query/desk.ts'
import { testDatabase } from '../../support/database.ts'
import { serve, type Served } from '../serve.ts'

const created = await testDatabase(desk)

beforeEach(() => fillDesk(created))

function tenants(): Promise<Served> {
  return serve({ connectionString: created.url, max: 2 }, (app) => {
    app.addHook('onRequest', async (request) => {
      const tenant = Number(request.headers['x-tenant'])
      for (const entity of [Author, Post])
        request.session.addFilter(entity, (row) => row.tenantId.eq(tenant))
    })
    app.get('/nothing', async () => ({ ok: true }))
    app.get('/posts', async ({ session }) =>
      session
        .find(Post)
        .filter((post) => post.author.has())
        .orderBy((post) => post.id.asc())
        .options(selectinload(Post.author))
        .toList(),
    )
    app.get<{ Params: { id: number } }>('/posts/:id', async ({ session, params }) =>
      session.getOrThrow(Post, Number(params.id)),
    )
    app.get('/ambient', async () => ({ posts: await Post.find().count() }))
  })
}

describe('two tenants of one application', () => {
  it('each see their own rows, at the same time', async () => {
    await using served = await tenants()
    const asked = Array.from({ length: 30 }, (_, index) => (index % 2) + 1)
    const found = await Promise.all(
      asked.map(async (tenant) => {
        const response = await served.fetch('/posts', { headers: { 'x-tenant': String(tenant) } })
        const posts = (await response.json()) as { id: number; author: { name: string } }[]
        return posts.map(({ id, author }) => `${id} ${author.name}`)
      }),
    )
    expect(found).toEqual(asked.map((tenant) => (tenant === 1 ? ['1 ann', '2 ann'] : ['5 cid'])))
  })

  it('get 404 for rows of the other', async () => {
    await using served = await tenants()
    const status = async (tenant: number, id: number) =>
      (await served.fetch(`/posts/${id}`, { headers: { 'x-tenant': String(tenant) } })).status
    expect(
      await Promise.all([status(1, 1), status(2, 1), status(1, 5), status(2, 5), status(1, 3)]),
    ).toEqual([200, 404, 404, 200, 404])
  })

  it('have it in the ambient session too, and a request that reads nothing opens no session', async () => {
    await using served = await tenants()
    const ambient = await served.fetch('/ambient', { headers: { 'x-tenant': '2' } })
    expect(await ambient.json()).toEqual({ posts: 1 })
    const nothing = await served.fetch('/nothing', { headers: { 'x-tenant': '1' } })
    expect(await nothing.json()).toEqual({ ok: true })
  })
})
