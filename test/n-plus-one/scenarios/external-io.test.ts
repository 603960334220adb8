import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { type Finding, type Session, type SessionOptions, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, User, user } from '../../support/entities.ts'

const { database, query, truncate } = await testDatabase(blog)

let calls = 0
const server = createServer((request, response) => {
  calls += 1
  const { searchParams } = new URL(request.url ?? '', 'http://localhost')
  void setTimeout(Number(searchParams.get('ms') ?? 5)).then(() => response.end('{"isUp":true}'))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const { port } = server.address() as AddressInfo
const url = `http://127.0.0.1:${port}/secret/path?token=secret`

beforeEach(async () => {
  await truncate()
  calls = 0
})

type Work = (session: Session) => Promise<unknown>

const file = 'test/n-plus-one/scenarios/external-io.test.ts'
const lines = readFileSync(file, 'utf8').split('\n')

/** Where a comment of this file stands. */
const lineOf = (mark: string): number => lines.findIndex((line) => line.endsWith(`// ${mark}`)) + 1

/** What is found in a job. */
async function findingsOf(work: Work, options: SessionOptions = {}): Promise<readonly Finding[]> {
  const stats = await database.run(
    async (session) => {
      await work(session)
      return session.stats
    },
    { nPlusOne: 'detect', ...options },
  )
  return stats.findings
}

function request(target: string | URL): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  get(target, (response) => response.resume().on('end', resolve)).on('error', reject) // request
  return promise
}

async function write(session: Session): Promise<void> {
  session.add(user(`new${Math.random()}`))
  await session.flush() // write
}

describe('an HTTP call inside an open transaction', () => {
  it('is found, with its host, its time and what to move', async () => {
    const findings = await findingsOf(async (session) => {
      await write(session)
      await (await fetch(`${url}&ms=50`)).json() // fetch
    })
    expect(findings).toEqual([
      {
        kind: 'tx.external_io',
        target: 'HTTP 127.0.0.1',
        count: 1,
        avoidableQueries: 0,
        confidence: 'certain',
        severity: 'warn',
        durationMs: expect.any(Number),
        avoidableMs: 0,
        site: { file, line: lineOf('fetch'), column: expect.any(Number) },
        fix: 'call 127.0.0.1 before the transaction, or in session.afterCommit(() => …)',
      },
    ])
    expect(findings[0]?.durationMs).toBeGreaterThanOrEqual(45)
    expect(findings[0]?.durationMs).toBeLessThan(1000)
    expect(JSON.stringify(findings)).not.toContain('secret')
  })

  it('is found of node:http, at its own place', async () => {
    const findings = await findingsOf(async (session) => {
      await write(session)
      await request(url)
    })
    expect(findings).toMatchObject([
      { target: 'HTTP 127.0.0.1', count: 1, site: { line: lineOf('request') } },
    ])
  })

  it('is told with the last statement where the call has no place in the program', async () => {
    const findings = await findingsOf(async (session) => {
      await write(session)
      const { promise, resolve } = Promise.withResolvers<unknown>()
      // Node calls it: nothing of the program is above it.
      const call = get as (to: string, done: (response: IncomingMessage) => void) => unknown
      setImmediate(call, url, (response) => resolve(once(response.resume(), 'end')))
      await promise
    })
    expect(findings).toMatchObject([
      { target: 'HTTP 127.0.0.1', site: { line: lineOf('write'), function: 'write' } },
    ])
  })

  it('is counted by hosts, one after the other and at once', async () => {
    const other = url.replace('127.0.0.1', 'localhost')
    const findings = await findingsOf(async (session) => {
      await write(session)
      for (let index = 0; index < 3; index += 1) await (await fetch(url)).text()
      await Promise.all([fetch(url), request(url), request(other).catch(() => undefined)])
      await session.find(User).count()
      await request(url)
    })
    expect(findings).toMatchObject([
      { target: 'HTTP 127.0.0.1', count: 6 },
      { target: 'HTTP localhost', count: 1 },
    ])
  })

  it('is found whatever its answer is', async () => {
    const findings = await findingsOf(async (session) => {
      await write(session)
      await request('http://127.0.0.1:1/').catch(() => undefined)
      await fetch(`${url}&ms=5000`, { signal: AbortSignal.timeout(30) }).catch(() => undefined)
    })
    expect(findings).toMatchObject([{ target: 'HTTP 127.0.0.1', count: 2 }])
    expect(findings[0]?.durationMs).toBeGreaterThanOrEqual(25)
  })

  it('is an error from one second on', async () => {
    const findings = await findingsOf(async (session) => {
      await write(session)
      await (await fetch(`${url}&ms=1010`)).text()
    })
    expect(findings).toMatchObject([{ target: 'HTTP 127.0.0.1', severity: 'error' }])
  })

  const works: Readonly<Record<string, Work>> = {
    'transaction()': (session) => session.transaction(() => request(url)),
    'a savepoint': async (session) => {
      await write(session)
      await session.transaction(() => request(url))
    },
    'an advisory lock': async (session) => {
      await session.advisoryLock('job')
      await request(url)
    },
    'your own SQL': async (session) => {
      await session.execute(sql`update users set age = 1`)
      await request(url)
    },
    'an inner job': async (session) => {
      await write(session)
      await database.run(() => request(url))
    },
    'an inner scope': async (session) => {
      await write(session)
      await database.scope('inner', () => request(url))
    },
    'a transaction of its own': () => database.transaction(() => request(url)),
    'a session of its own': async () => {
      await using session = database.session({ nPlusOne: 'detect' })
      await write(session)
      await request(url)
      await session.commit()
    },
    'a stream': async (session) => {
      for await (const _ of session.find(User).stream()) await request(url)
    },
    'a transaction that fails': (session) =>
      session
        .transaction(async () => {
          await request(url)
          throw new Error('no')
        })
        .catch(() => undefined),
  }

  it.each(Object.entries(works))('is found in %s', async (_name, work) => {
    await query(`insert into users (name, email) values ('old', 'old')`)
    const findings = await findingsOf(work)
    expect(findings).toMatchObject([{ target: 'HTTP 127.0.0.1', count: 1 }])
  })

  it('is found in the mode count too, and not in the mode off', async () => {
    const work: Work = async (session) => {
      await write(session)
      await request(url)
    }
    const found = [
      { kind: 'tx.external_io', target: 'HTTP 127.0.0.1', site: { line: lineOf('request') } },
    ]
    expect(await findingsOf(work, { nPlusOne: 'count' })).toMatchObject(found)
    expect(await findingsOf(work, { nPlusOne: 'off' })).toEqual([])
  })
})

describe('a long wait inside an open transaction', () => {
  it('is found, behind the statement that it follows', async () => {
    const findings = await findingsOf(async (session) => {
      await write(session)
      await setTimeout(120)
      await session.find(User).count() // counted
      await setTimeout(120)
    })
    expect(findings).toMatchObject([
      {
        kind: 'tx.external_io',
        target: 'idle transaction',
        count: 2,
        avoidableQueries: 0,
        confidence: 'likely',
        severity: 'warn',
        site: { file, line: lineOf('write') },
        fix: expect.stringContaining('session.afterCommit(() => …)'),
      },
    ])
    expect(findings[0]?.durationMs).toBeGreaterThanOrEqual(220)
  })

  it('is what an HTTP call does not explain', async () => {
    const findings = await findingsOf(async (session) => {
      await write(session)
      await (await fetch(`${url}&ms=150`)).text()
      await session.find(User).count()
      await setTimeout(120)
      await (await fetch(`${url}&ms=150`)).text()
    })
    const [idle, call] = findings.toSorted((one, other) => one.count - other.count)
    expect(idle).toMatchObject({ target: 'idle transaction', count: 1 })
    expect(idle?.durationMs).toBeLessThan(265)
    expect(call).toMatchObject({ target: 'HTTP 127.0.0.1', count: 2 })
  })

  it('is found of sessions of your own, whose HTTP calls nothing tells', async () => {
    await using session = database.session({ nPlusOne: 'detect' })
    await write(session)
    await fetch(`${url}&ms=120`)
    await session.commit()
    expect(session.stats.findings).toMatchObject([{ target: 'idle transaction', count: 1 }])
  })

  it('counts from one second on in the mode count', async () => {
    const wait = (ms: number) => async (session: Session) => {
      await write(session)
      await setTimeout(ms)
    }
    expect(await findingsOf(wait(300), { nPlusOne: 'count' })).toEqual([])
    expect(await findingsOf(wait(1010), { nPlusOne: 'count' })).toMatchObject([
      { target: 'idle transaction', severity: 'error' },
    ])
  })
})

describe('no finding', () => {
  const silent: Record<string, Work> = {
    'without a transaction': async (session) => {
      await session.find(User).count()
      await request(`${url}&ms=120`)
      await session.find(User).count()
    },
    'of a call before the first write': async (session) => {
      session.add(user('new'))
      await (await fetch(`${url}&ms=120`)).text()
    },
    'of a call after the commit': async (session) => {
      await write(session)
      await session.commit()
      await request(`${url}&ms=120`)
      await session.find(User).count()
    },
    'of a call after the rollback': async (session) => {
      await write(session)
      await session.rollback()
      await request(`${url}&ms=120`)
    },
    'of afterCommit()': async (session) => {
      await write(session)
      session.afterCommit(() => request(`${url}&ms=120`))
      session.afterCommit(async () => (await fetch(url)).text())
    },
    'of a call that nobody waits for': async (session) => {
      await write(session)
      const calling = request(`${url}&ms=50`)
      session.afterCommit(() => calling)
    },
    'of a long statement': async (session) => {
      await write(session)
      await session.execute(sql`select pg_sleep(0.15)`)
    },
    'of who waits for another session': async (session) => {
      await write(session)
      await database.run((inner) => inner.execute(sql`select pg_sleep(0.15)`))
      await session.find(User).count()
      await database.scope('inner', (inner) => inner.execute(sql`select pg_sleep(0.15)`))
    },
    'of short waits': async (session) => {
      for (let index = 0; index < 5; index += 1) {
        await write(session)
        await setTimeout(5)
        await session.commit()
      }
    },
    'of a process that is busy': async (session) => {
      await write(session)
      const end = performance.now() + 150
      while (performance.now() < end);
    },
    'of a slow reader of a stream': async (session) => {
      for await (const _ of session.find(Post).stream({ batchSize: 1 })) await setTimeout(120)
    },
  }

  it.each(Object.entries(silent))('%s', async (_name, work) => {
    await query(`insert into users (name, email) values ('old', 'old')`)
    await query(`insert into posts (title, author_id) select 'old', id from users`)
    const findings = await findingsOf(work)
    expect(findings.filter(({ kind }) => kind === 'tx.external_io')).toEqual([])
  })

  it('of calls of others', async () => {
    const { promise: isWritten, resolve: written } = Promise.withResolvers<void>()
    const { promise: isCalled, resolve: called } = Promise.withResolvers<void>()
    const [writing, calling] = await Promise.all([
      findingsOf(async (session) => {
        await write(session)
        written()
        await isCalled
      }),
      findingsOf(async () => {
        await isWritten
        await request(url)
        called()
      }),
      // Nothing runs in here: such as an exporter.
      isWritten.then(() => request(url)),
    ])
    expect(calls).toBe(2)
    expect([...writing, ...calling]).toEqual([])
  })
})
