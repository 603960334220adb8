import mercurius, { type MercuriusOptions } from 'mercurius'
import { describe, expect, it } from 'vitest'
import dataBridge, { Database, type Session } from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { serve, type Served } from '../serve.ts'
import { blogOfTen, findingLines, told } from './blog-of-ten.ts'

const { database, query } = await blogOfTen()
const other = await testDatabase(blog)

const schema = `
  type User { id: Int! name: String! }
  type Post { id: Int! title: String! author: User! reader: User }
  type Query { posts: [Post!]! }`

const postsOf = ({ session }: { readonly session: Session }): Promise<Post[]> =>
  session.find(Post).toList()

const ask = async (served: Served, text: string) => {
  const response = await served.fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: text }),
  })
  const { data, errors } = (await response.json()) as {
    readonly data: { readonly posts: readonly Record<string, unknown>[] }
    readonly errors?: unknown
  }
  expect(errors).toBe(undefined)
  expect(data.posts).toHaveLength(10)
  return {
    queries: response.headers.get('x-db-query-count'),
    found: response.headers.get('x-db-n-plus-one'),
    posts: data.posts,
  }
}

describe('GraphQL with mercurius', () => {
  it('P34 GraphQL/mercurius resolver without loader', async () => {
    await using served = await serve({ database }, (app) => {
      void app.register(mercurius, {
        schema,
        resolvers: {
          Query: { posts: (_root, _args, { reply }) => postsOf(reply.request) },
          Post: { author: async (post: Post) => post.author },
        },
      })
    })
    const { queries, found } = await ask(served, '{ posts { title author { name } } }')
    expect({ queries, found }).toEqual({ queries: '11', found: 'Post.author;n=10;k=relation' })
    const [line, ...others] = findingLines(served)
    expect(others).toEqual([])
    expect(line?.['nPlusOne']).toMatchObject({
      kind: 'n1.relation',
      target: 'Post.author',
      count: 10,
      confidence: 'certain',
      site: { file: 'test/plugin/reports/graphql.test.ts', function: 'author' },
      parent: { target: 'Post', rows: 10, site: { function: 'postsOf' } },
    })
  })

  it('is silent with a loader', async () => {
    await using served = await serve({ database }, (app) => {
      void app.register(mercurius, {
        schema,
        resolvers: { Query: { posts: (_root, _args, { reply }) => postsOf(reply.request) } },
        loaders: {
          Post: {
            author: async (queries: readonly { readonly obj: Post }[], { reply }) => {
              const ids = queries.map(({ obj }) => obj.authorId)
              const users = await reply.request.session.getMany(User, [...new Set(ids)])
              const byId = new Map(users.map((each) => [each?.id, each]))
              return ids.map((id) => byId.get(id))
            },
          },
        },
      })
    })
    const { queries, found, posts } = await ask(served, '{ posts { author { name } } }')
    expect({ queries, found }).toEqual({ queries: '2', found: null })
    expect(posts[3]).toEqual({ author: { name: 'user4' } })
    expect(told(served)).toEqual([])
  })

  it("is silent with lazy: 'peers', and has one query for all authors", async () => {
    await using served = await serve({ database }, (app) => {
      void app.register(mercurius, {
        schema,
        resolvers: {
          Query: {
            posts: (_root, _args, { reply }) =>
              reply.request.session.find(Post).lazy('peers').toList(),
          },
          Post: { author: async (post: Post) => post.author },
        },
      })
    })
    const { queries, found } = await ask(served, '{ posts { author { name } } }')
    expect({ queries, found }).toEqual({ queries: '2', found: null })
  })

  it('sees resolvers that use another database, registered or not', async () => {
    await using unregistered = new Database({ connectionString: other.url })
    await other.query(
      `insert into users (name, email) select 'reader' || n, 'e' || n from generate_series(1, 10) n`,
    )
    await using served = await serve({ database }, (app) => {
      void app.register(dataBridge, { database: other.database, name: 'readers' })
      void app.register(mercurius, {
        schema,
        resolvers: {
          Query: { posts: (_root, _args, { reply }) => postsOf(reply.request) },
          Post: {
            author: (post: Post) =>
              app.dataBridges.readers.run((session) =>
                session.find(User).filter({ id: post.id }).one(),
              ),
            reader: (post: Post) =>
              unregistered.run((session) => session.find(User).filter({ id: post.id }).one()),
          },
        },
      })
    })
    const { queries } = await ask(served, '{ posts { author { name } reader { name } } }')
    expect(queries).toBe('21')
  })
})

describe('an operation with a resolver that fails', () => {
  const served = (errorFormatter?: MercuriusOptions['errorFormatter']): Promise<Served> =>
    serve({ database }, (app) => {
      void app.register(mercurius, {
        schema: 'type Mutation { save: Int fail: Int } type Query { none: Int }',
        resolvers: {
          Mutation: {
            save: (_root, _args, { reply }) => {
              reply.request.session.add(user('eve'))
              return 1
            },
            fail: () => {
              throw new Error('failed')
            },
          },
        },
        ...(errorFormatter !== undefined && { errorFormatter }),
      })
    })
  const mutate = async ({ fetch: send }: Served): Promise<readonly [number, number]> => {
    const { status } = await send('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: 'mutation { save fail }' }),
    })
    return [status, (await query(`select from users where name = 'eve'`)).length]
  }

  it('is committed, since its status is 200', async () => {
    await using app = await served()
    expect(await mutate(app)).toEqual([200, 1])
  })

  it('is rolled back if errors have a status', async () => {
    await using app = await served((result, context) => ({
      ...mercurius.defaultErrorFormatter(result, context),
      statusCode: 500,
    }))
    expect(await mutate(app)).toEqual([500, 0])
  })
})

declare module 'fastify' {
  interface DataBridgeSessions {
    readonly readers: Session
  }
}
