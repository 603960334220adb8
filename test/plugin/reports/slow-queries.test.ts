import { describe, expect, it } from 'vitest'
import { sql } from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { serve } from '../serve.ts'

const { url, database } = await testDatabase()

interface SlowLine {
  readonly msg: string
  readonly slowQuery: { readonly durationMs: number }
  readonly reqId?: string
}

const sleep = sql`select pg_sleep(${0.05}::float8), ${'secret'}::text`

describe('slowQueryMs', () => {
  it('logs a statement that takes as long, with its request and without its values', async () => {
    await using served = await serve({ connectionString: url, slowQueryMs: 40 }, (app) => {
      app.get('/', ({ session }) => session.execute(sleep))
    })
    await served.fetch('/')
    const lines = served.logs.filter((line) => 'slowQuery' in line) as unknown as SlowLine[]
    expect(lines).toEqual([
      expect.objectContaining({
        level: 40,
        reqId: 'req-1',
        msg: expect.stringMatching(/^slow query: SELECT took \d+(\.\d)? ms$/),
        slowQuery: {
          durationMs: expect.any(Number),
          summary: 'SELECT',
          sql: 'select pg_sleep($1::float8), $2::text',
          operation: 'execute',
        },
      }),
    ])
    expect(lines[0]?.slowQuery.durationMs).toBeGreaterThanOrEqual(50)
    expect(JSON.stringify(served.logs)).not.toContain('secret')
  })

  it('logs those of jobs with the logger of the application', async () => {
    await using served = await serve({ connectionString: url, slowQueryMs: 40 }, () => {})
    await served.app.dataBridge.run((session) => session.execute(sleep))
    const [line] = served.logs.filter((each) => 'slowQuery' in each)
    expect(line).not.toHaveProperty('reqId')
  })

  it('logs nothing that is faster, and nothing unless it is set', async () => {
    for (const slowQueryMs of [60_000, undefined]) {
      await using served = await serve({ connectionString: url, slowQueryMs }, (app) => {
        app.get('/', ({ session }) => session.execute(sleep))
      })
      await served.fetch('/')
      expect(served.logs.filter((line) => 'slowQuery' in line)).toEqual([])
    }
  })

  it('watches requests on a database that was given, and leaves its jobs alone', async () => {
    await using served = await serve({ database, slowQueryMs: 0 }, (app) => {
      app.get('/', ({ session }) => session.execute(sql`select 1`))
    })
    await served.fetch('/')
    await database.run((session) => session.execute(sql`select 2`))
    const texts = served.logs.flatMap((line) =>
      'slowQuery' in line ? (line.slowQuery as { sql: string }).sql : [],
    )
    expect(texts).toEqual(['begin', 'select 1', 'commit'])
  })

  it.each([-1, Number.NaN, '100'])('is refused where it is %j', async (slowQueryMs) => {
    const options = { connectionString: url, slowQueryMs: slowQueryMs as number }
    await expect(serve(options, () => {})).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_OPTION', 'slowQueryMs expected a number of milliseconds from 0, got'),
    )
  })
})
