import { describe, expect, inject, it } from 'vitest'
import { Database, sql } from '../../orm/index.ts'
import { type TemplateSource, templateDatabase, testDatabase } from '../../plugin/testing/index.ts'
import { connect } from '../support/database.ts'
import { blog, User, user } from '../support/entities.ts'

const server = inject('databaseUrl')

const prepare = async (database: Database): Promise<void> => {
  await database.createSchema(blog)
  await database.run((session) => {
    session.add(user('ann'))
  })
}

/** The names of the databases that the helpers have made. */
async function made(): Promise<string[]> {
  await using client = await connect(server)
  const { rows } = await client.query<{ datname: string }>(
    `select datname from pg_database where datname ~ '^data_bridge_(template|test)_[0-9a-f]{12}$'`,
  )
  return rows.map(({ datname }) => datname)
}

const namesIn = async (url: string): Promise<string[]> => {
  await using database = new Database({ connectionString: url })
  return await database.run(async (session) =>
    (
      await session
        .find(User)
        .orderBy((each) => each.id.asc())
        .toList()
    ).map(({ name }) => name),
  )
}

describe('a template database', () => {
  it('is copied with its rows, several times at once, and the copies are apart', async () => {
    await using template = await templateDatabase(server, prepare)
    const copies = await Promise.all(Array.from({ length: 4 }, () => testDatabase(template.source)))
    const [first, second] = copies as [(typeof copies)[0], (typeof copies)[0]]
    await using database = new Database({ connectionString: first.url })
    await database.run((session) => {
      session.add(user('bob'))
    })
    expect(await namesIn(first.url)).toEqual(['ann', 'bob'])
    expect(await namesIn(second.url)).toEqual(['ann'])
    // Also with connections that are open.
    await Promise.all(copies.map(({ drop }) => drop()))
    const left = await made()
    expect(left).toContain(template.source.name)
    for (const { url } of copies) expect(left).not.toContain(new URL(url).pathname.slice(1))
    await template.drop()
    await template.drop()
    expect(await made()).not.toContain(template.source.name)
  })

  it('is known to other processes by plain data', async () => {
    await using template = await templateDatabase(server, prepare)
    const source = JSON.parse(JSON.stringify(template.source)) as TemplateSource
    await using copy = await testDatabase(source)
    expect(await namesIn(copy.url)).toEqual(['ann'])
  })

  it('leaves nothing behind if it cannot be prepared', async () => {
    const names: string[] = []
    const failing = templateDatabase(server, async (database) => {
      await database.run(async (session) => {
        const [row] = await session.execute<{ name: string }>(
          sql`select current_database() as name`,
        )
        if (row !== undefined) names.push(row.name)
      })
      throw new Error('no rows today')
    })
    await expect(failing).rejects.toThrow('no rows today')
    expect(names).toHaveLength(1)
    expect(await made()).not.toContain(names[0])
  })

  it('says what to do where the role may not create databases', async () => {
    await using client = await connect(server)
    const role = `nobody_${process.pid}`
    await client.query(`create role ${role} login password 'x'`)
    try {
      const url = new URL(server)
      url.username = role
      url.password = 'x'
      await expect(templateDatabase(url.href, prepare)).rejects.toThrow(
        'Expected a role that may create databases, got one that may not (permission denied to create database). Grant it CREATEDB, or use the URL of startPostgres().',
      )
    } finally {
      await client.query(`drop role ${role}`)
    }
  })

  it('fails with the error of the server where there is no such template', async () => {
    await expect(testDatabase({ url: server, name: 'no such' })).rejects.toThrow(
      'template database "no such" does not exist',
    )
  })
})
