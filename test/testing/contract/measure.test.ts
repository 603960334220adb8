import { describe, expect, it } from 'vitest'
import { Database, selectinload, sql } from '../../../orm/index.ts'
import { differences } from '../../../plugin/testing/contract/difference.ts'
import { databaseContract } from '../../../plugin/testing/index.ts'
import { testDatabase } from '../../support/database.ts'
import { appOn, Article, Author, blog, populating } from './blog.ts'

const server = await testDatabase(blog)
const { database, query } = server
const populate = populating(server)

describe('databaseContract', () => {
  it('tells how the number of statements grows', async () => {
    const app = await appOn(database, (routes) => {
      routes.get('/articles', async (request) => {
        const list = await request.session.find(Article).toList()
        for (const article of list) await article.author
        return list.length
      })
    })
    const { routes } = await databaseContract(app, { populate, requests: [{ url: '/articles' }] })
    const { statements, transaction } = routes['GET /articles'] ?? {}
    expect(statements?.map(({ by, times }) => [by, times])).toEqual([
      ['find(Article)', '1'],
      ['lazy Article.author', 'rows'],
    ])
    expect(transaction).toEqual({ reads: '1 + rows' })
  })

  it('tells apart an eager load and lazy ones in its place', async () => {
    const contractWith = async (isEager: boolean) => {
      const app = await appOn(database, (routes) => {
        routes.get('/authors', async (request) => {
          const authors = request.session.find(Author)
          const list = await (
            isEager ? authors.options(selectinload(Author.articles)) : authors
          ).toList()
          for (const author of list) await author.articles
          return list.length
        })
      })
      return databaseContract(app, { populate, requests: [{ url: '/authors' }], scales: [2, 3, 7] })
    }
    expect(differences(await contractWith(true), await contractWith(false))).toEqual([
      'GET /authors: SELECT articles: 1 → rows; the loader selectinload(Author.articles) is gone, lazy Author.articles has come',
      'GET /authors: reads: 2 → 1 + rows',
    ])
  })

  it('names routes by their patterns, or as the test says', async () => {
    const app = await appOn(database, (routes) => {
      routes.get('/authors/:id', async (request) => request.session.get(Author, 1))
      routes.register(
        async (below) => {
          below.delete('/', async (request, reply) => {
            await request.session.find(Article).filter({ id: 1 }).delete()
            return reply.code(204).send()
          })
        },
        { prefix: '/v1' },
      )
    })
    const { routes } = await databaseContract(app, {
      populate,
      requests: [
        (rows) => ({ url: `/authors/${rows}?a=b` }),
        { name: 'the first author', url: '/authors/1' },
        { method: 'DELETE', url: '/v1' },
        { url: '/nowhere?at=all' },
      ],
    })
    expect(Object.entries(routes).map(([name, { status }]) => [name, status])).toEqual([
      ['DELETE /v1', '204'],
      ['GET /authors/:id', '200'],
      ['GET /nowhere', '404'],
      ['the first author', '200'],
    ])
  })

  it('is the same the second time, also for what the library asks once', async () => {
    await using other = new Database({ connectionString: server.url, tables: blog })
    const app = await appOn(other, (routes) => {
      routes.post('/authors', async (request) => {
        request.session.add(new Author({ id: 100, name: 'New' }))
        return {}
      })
    })
    const options = { populate, requests: [{ method: 'POST', url: '/authors' } as const] }
    const first = await databaseContract(app, options)
    expect(await databaseContract(app, options)).toEqual(first)
    expect(first.routes['POST /authors']).toMatchObject({
      status: '200',
      transaction: { begin: '1', commit: '1', writes: '1' },
    })
  })

  it('tells transactions, their isolation, savepoints and locks', async () => {
    const app = await appOn(database, (routes) => {
      const config = { dataBridge: { isolation: 'repeatable read' } } as const
      routes.post('/likes', { config }, async (request) => {
        const { session } = request
        const list = await session.find(Article).forUpdate().toList()
        for (const article of list) {
          await session.transaction(async () => {
            article.likes += 1
          })
        }
        return {}
      })
    })
    const { routes } = await databaseContract(app, {
      populate,
      requests: [{ method: 'POST', url: '/likes' }],
    })
    expect(routes['POST /likes']?.transaction).toEqual({
      'begin isolation level repeatable read': '1',
      commit: '1',
      'for update': '1',
      'reads in a transaction': '1',
      release: 'rows',
      savepoint: 'rows',
      writes: 'rows',
    })
  })

  it('asks for the plans where the sessions look for tables, and executes nothing', async () => {
    await query('create schema elsewhere')
    await query('create sequence elsewhere.numbers')
    const url = new URL(server.url)
    url.searchParams.set('options', '-c search_path=elsewhere')
    await using other = new Database({ connectionString: url.href, tables: blog })
    await other.createSchema()
    const app = await appOn(other, (routes) => {
      routes.get('/number', async (request) => {
        await request.session.find(Author).toList()
        return request.session.execute(sql`select nextval('numbers')`)
      })
    })
    const { routes } = await databaseContract(app, { requests: [{ url: '/number' }] })
    const { statements = [] } = routes['GET /number'] ?? {}
    expect(statements.map(({ by, plan }) => [by, plan?.unknown])).toEqual([
      ['execute', undefined],
      ['find(Author)', undefined],
    ])
    expect(await query(`select nextval('elsewhere.numbers')::int as next`)).toEqual([{ next: 3 }])
  })

  it('says which plans PostgreSQL does not tell, and tells the others', async () => {
    const app = await appOn(database, (routes) => {
      routes.get('/odd', async (request) => {
        const { session } = request
        await session.execute(sql`create temp table passing (id int) on commit drop`)
        await session.execute(sql`select * from passing`)
        await session.execute(sql`do $$ begin end $$`)
        await session.execute(sql`select * from authors where name = ${'x'}`)
        return {}
      })
    })
    const { routes } = await databaseContract(app, { populate, requests: [{ url: '/odd' }] })
    const statements = routes['GET /odd']?.statements ?? []
    expect(Object.fromEntries(statements.map(({ sql: text, plan }) => [text, plan]))).toEqual({
      'create temp table passing (id int) on commit drop': {
        unknown: 'not a statement that has a plan',
      },
      'do ?': { unknown: 'not a statement that has a plan' },
      'select * from passing': { unknown: 'PostgreSQL refuses to plan it with SQLSTATE 42P01' },
      'select * from authors where name = $1': {
        lookups: [{ table: 'authors', columns: 'name', index: null }],
      },
    })
  })

  it('refuses what cannot be measured', async () => {
    const app = await appOn(database, (routes) => {
      routes.get('/a', async () => ({}))
      routes.get('/b', async () => ({}))
    })
    const refusal = (options: object) =>
      databaseContract(app, { requests: [{ url: '/a' }], ...options }).then(String, String)
    expect(await refusal({ requests: [] })).toContain('expected requests, got')
    expect(await refusal({ requests: ['/a'] })).toContain(`{ method: 'GET', url: '/posts' }, got`)
    for (const scales of [[2], [2, 2], [2, 2.5], [-1, 2], 3])
      expect(await refusal({ scales })).toContain('expected scales of at least two numbers of rows')
    expect(await refusal({ requests: [{ url: '/a' }, { url: '/a?b' }] })).toContain(
      'expected one request of GET /a, got two; give each its own name',
    )
    expect(
      await refusal({ requests: [(rows: number) => ({ url: rows === 2 ? '/a' : '/b' })] }),
    ).toContain('expected one route of a request, got GET /a and GET /b; give it a name')
  })

  it('refuses an application without the plugin', async () => {
    const app = await appOn(database, () => {})
    const without = { inject: app.inject.bind(app), ready: app.ready.bind(app) }
    const options = { requests: [{ url: '/' }] }
    await expect(databaseContract(without as never, options)).rejects.toThrow(
      'expected an application with app.dataBridge, got none',
    )
    expect(await databaseContract(without as never, { ...options, database })).toMatchObject({
      routes: { 'GET /': { status: '404' } },
    })
  })
})
