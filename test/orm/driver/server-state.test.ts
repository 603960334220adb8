import { describe, expect, it } from 'vitest'
import { isToReplace } from '../../../orm/driver/pg-errors.ts'
import { Database, sql } from '../../../orm/index.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { failure } from '../../support/failure.ts'

const { database, query, url } = await testDatabase(blog)
await query(`
  create function fail(state text) returns int language plpgsql as $$
    begin raise exception using errcode = state, message = 'secret'; end $$`)

describe('a server that cannot do the work at the moment is a 503', () => {
  it.each([
    ['53100', "the server's disk is full"],
    ['53200', 'the server is out of memory'],
    ['53400', 'the server has not enough resources for the statement'],
    ['58030', 'the server cannot read or write its files'],
    ['25006', 'the server only reads: it is a standby, or became one in a failover'],
  ])('%s: %s', async (state, message) => {
    const error = await failure(
      'DATA_BRIDGE_ERR_UNAVAILABLE',
      database.run((session) => session.execute(sql`select fail(${state})`)),
    )
    expect(error).toMatchObject({ statusCode: 503, sqlState: state, message })
    expect(error.clientMessage).toBe('The database is not available at the moment.')
  })

  it('after a failover, for writes only', async () => {
    const name = new URL(url).pathname.slice(1)
    await query(`alter database ${name} set default_transaction_read_only = on`)
    await using standby = new Database({ connectionString: url, max: 1 })
    const writing = standby.run((session) => session.add(user('ann')))
    await failure('DATA_BRIDGE_ERR_UNAVAILABLE', writing)
    expect(await standby.run((session) => session.find(User).count())).toBe(0)
    await using client = await connect(url)
    await client.query('set default_transaction_read_only = off')
    await client.query(`alter database ${name} reset default_transaction_read_only`)
  })

  it('but not where the program asked for a read-only transaction', async () => {
    await using session = database.session({ readOnly: true })
    const writing = session.execute(sql`delete from posts`)
    expect(await failure('DATA_BRIDGE_ERR_STATEMENT', writing)).toMatchObject({ sqlState: '25006' })
  })

  it('and a server that only reads costs the connection', () => {
    expect(isToReplace({ code: '25006' })).toBe(true)
    expect(isToReplace({ code: '25006' }, true)).toBe(false)
    expect(isToReplace({ code: '53100' })).toBe(false)
    expect(isToReplace(new Error('lost'))).toBe(false)
  })
})
