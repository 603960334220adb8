import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, it } from 'vitest'
import { integer, type Session, table, text } from '../../orm/index.ts'
import { testDatabase } from '../support/database.ts'
import { recordWire } from '../support/recorder.ts'
import { codesIn, tableBelow } from './markdown-table.ts'

// As docs/versions.md declares them.
class Account extends table('accounts', {
  id: integer().primaryKey().generated(),
  owner: text(),
  balance: integer().default(0),
  version: integer().version(),
}) {}
class Card extends table(
  'cards',
  { id: integer().primaryKey().generated(), label: text() },
  { version: 'xmin' },
) {}

const { url, query, truncate } = await testDatabase([Account, Card])
const guide = readFileSync(new URL('../../docs/versions.md', import.meta.url), 'utf8')
const shown = tableBelow(guide, '## Add a version column').map(([, sent = '']) => codesIn(sent)[0])

beforeEach(async () => {
  await truncate()
  await query(`insert into accounts (owner) values ('Ann'), ('Bob')`)
})

/** What is sent after the accounts were read. */
async function sentBy(change: (session: Session, accounts: readonly Account[]) => void) {
  await using recorder = recordWire(url)
  await recorder.database.run(async (session) => {
    const accounts = await session.find(Account).toList()
    recorder.clear()
    change(session, accounts)
    await session.flush()
  })
  return recorder.texts
}

describe('docs/versions.md shows', () => {
  it('one update', async () => {
    const sent = await sentBy((_, [account]) => void (account && (account.balance = 5)))
    expect(sent).toContain(shown[0])
  })

  it('many updates', async () => {
    const sent = await sentBy((_, accounts) => {
      for (const account of accounts) account.balance = 5
    })
    const [start = '', middle = ''] = (shown[1] ?? '').replace(' …)', '').split(' … ')
    const updates = sent.filter((one) => one.startsWith(start))
    expect(updates).toEqual([expect.stringContaining(middle)])
  })

  it('a delete', async () => {
    const sent = await sentBy((session, accounts) => session.delete(accounts[0] as Account))
    expect(sent).toContain(shown[2])
  })

  it('a select that reads xmin', async () => {
    await using recorder = recordWire(url)
    await recorder.database.run((session) => session.find(Card).toList())
    expect(recorder.texts.filter((one) => guide.includes(`\`${one}\``))).toHaveLength(1)
  })
})
