import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { blog } from '../support/entities.ts'
import { seedPosts } from './posts.ts'
import { suite, type Suite } from './run-vitest.ts'

const { database, url } = await testDatabase(blog)
beforeAll(() => seedPosts(database, 3))

const environment = { SUITE_DATABASE: url }

const service = `
import Fastify from 'fastify'
import dataBridge, { selectinload } from 'fastify-data-bridge'
import { Database } from 'fastify-data-bridge/orm'
import { expectFindings, ignoreFindings, injectWithDb, recordQueries } from 'fastify-data-bridge/testing'
import { afterAll, expect, it } from 'vitest'
import { Post } from '../../support/entities.ts'

export { expect, expectFindings, ignoreFindings, injectWithDb, it, recordQueries }

export const database = new Database({ connectionString: process.env.SUITE_DATABASE, nPlusOne: 'off' })
export const app = Fastify()
app.register(dataBridge, { database })
app.get('/lazy', () => lazy())
app.get('/eager', () => eager())
afterAll(async () => {
  await app.close()
  await database.close()
})

export const lazy = () => database.run(async (session) => {
  for (const post of await session.find(Post).toList()) await post.author
  return 'read'
})
export const eager = () => database.run(async (session) => {
  const posts = session.find(Post).options(selectinload(Post.author))
  const limit = Number(process.env.SUITE_LIMIT ?? 0)
  for (const post of await (limit === 0 ? posts : posts.limit(limit)).toList()) await post.author
  return 'read'
})
`

const files = (tests: string, others: Readonly<Record<string, string>> = {}): Suite =>
  suite({
    'service.ts': service,
    'a.test.ts': `import { app, database, eager, expect, expectFindings, ignoreFindings, injectWithDb, it, lazy, recordQueries } from './service.ts'\n${tests}`,
    ...others,
  })

describe('the setup file of vitest', () => {
  it('fails the tests with findings at their end, and no other', async () => {
    const { tests } = await files(`
      it('is eager', () => eager())
      it('is lazy', async () => { await lazy(); reached = true })
      it('is lazy over a socket', async () => {
        const url = await app.listen({ port: 0 })
        expect(await (await fetch(url + '/lazy')).text()).toBe('read')
      })
      it('is lazy below inject()', async () => {
        expect((await app.inject('/lazy')).body).toBe('read')
        await injectWithDb(app, '/lazy')
      })
      it('comes to the end', () => { expect(reached).toBe(true) })
      it.concurrent('is lazy at the same time', async () => { await eager(); await lazy() })
      it.concurrent('is eager at the same time', async () => { await eager(); await eager(); await eager() })
      it('fails for another reason', async () => { await lazy(); expect(1).toBe(2) })
      let reached = false
    `).run({ environment })
    const finding = expect.stringMatching(
      /^Error: Expected no N\+1 pattern in the test, got:\n\nn1\.relation Post\.author: 3 queries for 3 rows of Post \[certain\]\n {2}at {4}service\.ts:\d+:\d+.*\n {2}from {2}service\.ts:\d+:\d+.*\n {2}sql {3}select .*\n {2}fix {3}find\(Post\)\.options\(selectinload\(Post\.author\)\)/,
    )
    expect(tests).toEqual({
      'is eager': [],
      'is lazy': [finding],
      'is lazy over a socket': [finding],
      'is lazy below inject()': [finding],
      'comes to the end': [],
      'is lazy at the same time': [finding],
      'is eager at the same time': [],
      'fails for another reason': [expect.stringContaining('expected 1 to be 2')],
    })
  })

  it('passes findings that the test expects, or has a reason for', async () => {
    const { tests } = await files(`
      it('negates a matcher', async () => {
        const { db } = await injectWithDb(app, '/lazy')
        expect(db).not.toHaveNoNPlusOne()
      })
      it('expects them', async () => {
        expect(await expectFindings(lazy)).toMatchObject([{ target: 'Post.author' }])
      })
      it('ignores them', async () => { ignoreFindings('old'); await lazy() })
      it('ignores none in the next test', lazy)
      it('expects none where there are none', async () => { await expectFindings(eager) })
      it('expects only those of its function', async () => { await expectFindings(lazy); await lazy() })
      it('needs a reason', () => { ignoreFindings('') })
    `).run({ environment })
    const finding = expect.stringContaining('n1.relation Post.author')
    expect(tests).toEqual({
      'negates a matcher': [],
      'expects them': [],
      'ignores them': [],
      'ignores none in the next test': [finding],
      'expects none where there are none': [
        expect.stringContaining('Expected findings, got none.'),
      ],
      'expects only those of its function': [finding],
      'needs a reason': [expect.stringContaining('ignoreFindings() expected a reason, got')],
    })
  })

  it('has the matchers, and snapshots of statements', async () => {
    const eager = files(`
      it('snaps', async () => {
        const { db } = await injectWithDb(app, '/eager')
        expect(db).toHaveNoNPlusOne()
        expect(db).toHaveQueryCount({ total: 2, select: 2, write: 0 })
        expect(db).toHaveQueryCountAtMost(2)
        expect(db).toHaveNoImplicitLoads()
        expect(db).toMatchQuerySnapshot()
      })
    `)
    // Where CI is set, vitest writes no snapshot by itself.
    const written = await eager.run({ environment, arguments: ['--update'] })
    expect(written.tests).toEqual({ snaps: [] })
    expect(readFileSync(join(eager.folder, '__snapshots__/a.test.ts.snap'), 'utf8')).toMatch(
      /select .* from "posts" as "t0"\nselect .* from "users" as "t0" where .*\n/,
    )
    const changed = { ...environment, SUITE_LIMIT: '2', CI: 'true' }
    const { tests } = await eager.run({ environment: changed })
    expect(tests).toEqual({ snaps: [expect.stringContaining('Snapshot `snaps 1` mismatched')] })
  })

  it('works in all files of a process that they share', async () => {
    const tests = `import { it } from 'vitest'\nimport { lazy } from './service.ts'\n`
    const both = suite(
      {
        // Its import runs once for a process.
        'setup.ts': `import { watchTests } from 'fastify-data-bridge/testing/vitest'\nwatchTests()`,
        // The files share the database too.
        'service.ts': service.replace(/afterAll\(.*?\n\}\)/s, ''),
        'a.test.ts': `${tests}it('a', lazy)`,
        'b.test.ts': `${tests}it('b', lazy)`,
      },
      'isolate: false, fileParallelism: false',
    )
    const finding = [expect.stringContaining('n1.relation Post.author')]
    expect((await both.run({ environment })).tests).toEqual({ a: finding, b: finding })
  })
})

describe('a baseline', () => {
  const setup = {
    'setup.ts': `
      import { watchTests } from 'fastify-data-bridge/testing/vitest'
      watchTests({ baseline: 'known.json' })
    `,
  }
  const withBaseline = (tests: Readonly<Record<string, string>>, known?: unknown): Suite =>
    suite({
      'service.ts': service,
      ...setup,
      ...Object.fromEntries(
        Object.entries(tests).map(([name, text]) => [
          `${name}.test.ts`,
          `import { it } from 'vitest'\nimport { eager, lazy } from './service.ts'\n${text}`,
        ]),
      ),
      ...(known !== undefined && {
        'known.json': typeof known === 'string' ? known : JSON.stringify(known),
      }),
    })
  const author = { kind: 'n1.relation', target: 'Post.author' }
  const update = { ...environment, DATA_BRIDGE_UPDATE_BASELINE: '1' }
  const read = ({ folder }: Suite): unknown =>
    JSON.parse(readFileSync(join(folder, 'known.json'), 'utf8'))

  it('is made by several processes at once, and forgives what is in it', async () => {
    const tests = { a: `it('a', lazy)`, b: `it('b', lazy)`, c: `it('c', eager)` }
    const made = withBaseline(tests)
    expect((await made.run({ environment })).tests).toMatchObject({
      a: [expect.any(String)],
      c: [],
    })
    expect(existsSync(join(made.folder, 'known.json'))).toBe(false)
    expect(await made.run({ environment: update })).toMatchObject({
      tests: { a: [], b: [], c: [] },
    })
    expect(read(made)).toEqual({
      version: 1,
      findings: [{ ...author, tests: ['a.test.ts', 'b.test.ts'] }],
    })
    const again = await made.run({ environment })
    expect(again.tests).toEqual({ a: [], b: [], c: [] })
    expect(again.output).not.toContain('DATA_BRIDGE_BASELINE_STALE')
  })

  it('keeps what it has, and warns of what is not found any more', async () => {
    const known = {
      version: 1,
      findings: [
        { kind: 'n1.relation', target: 'User.posts', tests: ['a.test.ts'] },
        { kind: 'n1.relation', target: 'User.gone', tests: ['gone.test.ts'] },
        { kind: 'n1.relation', target: 'User.other', tests: ['b.test.ts'] },
      ],
    }
    const kept = withBaseline(
      { a: `it('a', lazy)`, b: `it('b', eager)\nit.skip('c', lazy)` },
      known,
    )
    await kept.run({ environment: update })
    expect(read(kept)).toEqual({
      version: 1,
      findings: [
        { ...author, tests: ['a.test.ts'] },
        known.findings[1],
        known.findings[2],
        known.findings[0],
      ],
    })
    const { output, tests } = await kept.run({ environment })
    expect(tests).toMatchObject({ a: [], b: [] })
    expect(output).toMatch(
      /DATA_BRIDGE_BASELINE_STALE.*n1\.relation User\.posts is not found any more/,
    )
    expect(output).toMatch(
      /DATA_BRIDGE_BASELINE_STALE.*n1\.relation User\.gone is not found any more/,
    )
    expect(output).not.toContain('User.other is not found')
  })

  it('fails loudly if its file is something else, and does not overwrite it', async () => {
    const corrupt = withBaseline({ a: `it('a', lazy)` }, '{ "version": 2 }')
    const { succeeded, output, files: messages } = await corrupt.run({ environment: update })
    expect(succeeded).toBe(false)
    expect(messages.join() + output).toContain('Expected the baseline')
    expect(read(corrupt)).toEqual({ version: 2 })
  })
})
