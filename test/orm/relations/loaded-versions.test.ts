import { beforeEach, describe, expect, it } from 'vitest'
import {
  belongsTo,
  Database,
  hasMany,
  integer,
  joinedload,
  selectinload,
  table,
  text,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { failure } from '../../support/failure.ts'

const xmin = { version: 'xmin' } as const

class Owner extends table(
  'owners',
  {
    id: integer().primaryKey(),
    name: text(),
    notes: () => hasMany(Note, 'ownerId'),
    files: () => hasMany(File, 'ownerId'),
  },
  xmin,
) {}
class Note extends table(
  'notes',
  {
    id: integer().primaryKey(),
    text: text(),
    ownerId: integer(),
    owner: () => belongsTo(Owner, 'ownerId'),
  },
  xmin,
) {}
class File extends table('files', { id: integer().primaryKey(), ownerId: integer() }, xmin) {}

const stored = await testDatabase([Owner, Note])
const { database, query, url } = stored
await query(`
  create extension file_fdw;
  create server disk foreign data wrapper file_fdw;
  create schema other;
  create foreign table other.files (id int, owner_id int) server disk options (filename '/dev/null');
  create view files as select id, owner_id from other.files`)
beforeEach(async () => {
  await stored.truncate()
  await query(`
    insert into owners select no, 'o' from generate_series(1, 3) no;
    insert into notes select no, 't', (no + 1) / 2 from generate_series(1, 6) no`)
})

const loaders = [
  { by: 'joinedload', loader: joinedload(Owner.notes) },
  { by: 'joinedload with a limit', loader: joinedload(Owner.notes).limit(1) },
  { by: 'selectinload', loader: selectinload(Owner.notes) },
]

describe.each(loaders)('rows with xmin that come by $by', ({ loader }) => {
  it('can be written, unless others have changed them since', async () => {
    const change = (between: () => Promise<unknown>) =>
      database.run(async (session) => {
        const owners = await session
          .find(Owner)
          .orderBy((owner) => owner.id.asc())
          .options(loader)
          .toList()
        await between()
        for (const owner of owners) {
          owner.name += '!'
          for (const note of owner.notes.value) note.text += '!'
        }
      })
    await change(async () => undefined)
    const before = await query('select * from notes order by id')
    await failure(
      'DATA_BRIDGE_ERR_STALE',
      change(() => query(`update notes set text = text where id = 3`)),
    )
    expect(await query('select * from notes order by id')).toEqual(before)
    expect(await query('select distinct name from owners')).toEqual([{ name: 'o!' }])
  })
})

it('the owner of a joined belongsTo() has its version', async () => {
  await failure(
    'DATA_BRIDGE_ERR_STALE',
    database.run(async (session) => {
      const note = await session.find(Note).filter({ id: 1 }).options(joinedload(Note.owner)).one()
      await query(`update owners set name = 'theirs'`)
      note.owner.value.name = 'mine'
    }),
  )
  expect(await query('select name from owners where id = 1')).toEqual([{ name: 'theirs' }])
})

it.each([
  ['a join', [joinedload(Owner.files)]],
  ['a loader', [selectinload(Owner.files)]],
  ['a loader beside another', [selectinload(Owner.notes), selectinload(Owner.files)]],
])('a relation without xmin is refused at first use by %s', async (_, options) => {
  await using other = new Database({ connectionString: url })
  const read = other.run((session) =>
    session
      .find(Owner)
      .options(...options)
      .toList(),
  )
  const { message } = await failure('DATA_BRIDGE_ERR_SCHEMA', read)
  expect(message).toContain(`File has version: 'xmin'`)
})
