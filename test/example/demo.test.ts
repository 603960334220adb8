import { describe, expect, it, vi } from 'vitest'
import { DemoClient } from '../../example-api/demo/client.ts'
import { startService } from '../../example-api/service.ts'
import { testDatabase } from '../support/database.ts'
import { connectionCount, exampleSchema, privateTemporaryFolder, Program } from './support.ts'

const server = await testDatabase()

describe('npm run demo', () => {
  it('shows what it promises, with a PostgreSQL of its own', async () => {
    const { path, leftovers } = privateTemporaryFolder()
    const demo = Program.run('demo', { TMPDIR: path })
    expect(await demo.ended).toEqual([0, null])
    expect(demo.stderr).toBe('')
    expect(demo.stdout).toContain('starting a PostgreSQL …')
    expect(demo.stdout).toMatch(/GET \/posts\?limit=10&lazy=true\n {2}200 .*x-db-query-count: 11/)
    expect(demo.stdout).toMatch(/GET \/posts\?limit=10\n {2}200 .*x-db-query-count: 2/)
    expect(demo.stdout).toMatch(/"failAfter":true}\n {2}500 .*\n {2}\{"statusCode":500/)
    expect(demo.stdout).toContain('x-db-n-plus-one: Post.author;n=10;k=relation')
    expect(demo.stdout).toMatch(/├─ db\.relationship\.select users relation=author .* × 10 \[/)
    expect(demo.stdout).toMatch(
      /├─ db\.query\.find posts .*\n {2}│ {2}└─ db\.relationship\.selectinload users .*batch=10/,
    )
    expect(demo.stdout).toContain('└─ event db.n_plus_one Post.author count=10')
    expect(demo.stdout).toContain('✓ no row was moved')
    expect(demo.stdout).toMatch(/\n11 → 2 queries: .*\n\d+ requests, all answered as expected\n$/)
    expect(demo.stdout).not.toContain('\u001B[')
    expect(leftovers()).toEqual([])
  })

  it('runs twice at once on a DATABASE_URL, and leaves nothing there', async () => {
    const environment = { DATABASE_URL: server.url, NODE_ENV: 'production' }
    const demos = [Program.run('demo', environment), Program.run('demo', environment)]
    for (const demo of demos) {
      expect(await demo.ended).toEqual([0, null])
      expect(demo.stdout).toContain('11 → 2 queries')
    }
    expect(await demoSchemas()).toEqual([])
    await expect.poll(() => connectionCount(server)).toBe(0)
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('drops its schema on %s', async (signal) => {
    const demo = Program.run('demo', { DATABASE_URL: server.url })
    await demo.says(/preparing the schema/)
    demo.kill(signal)
    expect(await demo.ended).toEqual([null, signal])
    expect(demo.stderr).toBe('')
    expect(demo.stdout).not.toContain('11 → 2')
    expect(await demoSchemas()).toEqual([])
  })

  it('says in a sentence that there is no PostgreSQL', async () => {
    const demo = Program.run('demo', { DATABASE_URL: 'postgresql://me:secret@127.0.0.1:1/none' })
    expect(await demo.ended).toEqual([1, null])
    expect(demo.stderr).toMatch(/^PostgreSQL cannot be reached .*\n$/)
    expect(demo.stderr).not.toContain('secret')
  })
})

describe('an expectation of the demo', () => {
  it('counts where it is not met', async () => {
    const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    try {
      await using service = await startService({
        databaseUrl: server.url,
        schema: exampleSchema,
        port: 0,
      })
      const client = new DemoClient(service.url, () => [], new AbortController().signal)
      await client.get('/users/1', { status: 200, queries: 1 })
      await client.get('/health', { status: 200 })
      expect(client.unexpected).toBe(0)
      await client.get('/users/1', { status: 200, queries: 2 })
      await client.get('/users/1', { status: 200 })
      await client.get('/health', { status: 201 })
      client.check('one is two', false)
      expect(client).toMatchObject({ unexpected: 4, requests: 5 })
    } finally {
      written.mockRestore()
    }
  })
})

async function demoSchemas(): Promise<object[]> {
  return server.query(
    `select nspname from pg_namespace where nspname like 'fastify_data_bridge_demo%'`,
  )
}
