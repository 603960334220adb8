import { deepStrictEqual, rejects } from 'node:assert/strict'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  belongsTo,
  hasMany,
  integer,
  keyOf,
  type Session,
  table,
  text,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'

class Folder extends table('folders', {
  owner: text().primaryKey(),
  no: integer().primaryKey(),
  note: text().nullable(),
  docs: () => hasMany(Doc, ['owner', 'folderNo']),
}) {}

class Doc extends table(
  'docs',
  {
    owner: text().primaryKey(),
    part: text().primaryKey(),
    folderNo: integer().nullable(),
    note: text().nullable(),
    folder: () => belongsTo(Folder, ['owner', 'folderNo']),
  },
  { foreignKeys: [{ columns: ['owner', 'folderNo'], references: () => keyOf(Folder) }] },
) {}

const { database, query, truncate } = await testDatabase([Folder, Doc])

/** What the database should hold: rows by their keys, as JSON. */
interface Model {
  readonly folders: Map<string, string | null>
  readonly docs: Map<string, { readonly folderNo: number | null; readonly note: string | null }>
}

// Joined with anything in between, some of these keys look alike.
const owners = ['a', 'a,b', 'a":1', ''] as const
const parts = ['b,c', 'c', '1', 'x'] as const

interface RowOperation {
  readonly do: 'folder' | 'doc' | 'note' | 'move' | 'delete doc' | 'delete folder' | 'read'
  readonly owner: string
  readonly no: number
  readonly part: string
  readonly value: number
}

type Operation =
  | RowOperation
  | { readonly do: 'flush' | 'check' | 'commit' | 'rollback' }
  | { readonly do: 'savepoint'; readonly fails: boolean; readonly body: readonly Operation[] }

class Undone extends Error {}

/** Does to a session and to the model the same. */
class Run {
  readonly #session: Session
  #now: Model = { folders: new Map(), docs: new Map() }
  #committed: Model = structuredClone(this.#now)

  constructor(session: Session) {
    this.#session = session
  }

  get committed(): Model {
    return this.#committed
  }

  async all(operations: readonly Operation[], depth = 0): Promise<void> {
    for (const operation of operations) await this.#one(operation, depth)
  }

  async #one(operation: Operation, depth: number): Promise<void> {
    switch (operation.do) {
      case 'flush':
        return this.#session.flush()
      case 'check':
        return this.check()
      case 'commit':
        return depth === 0 ? this.commit() : undefined
      case 'rollback':
        if (depth > 0) return
        await this.#session.rollback()
        this.#now = structuredClone(this.#committed)
        return
      case 'savepoint':
        return this.#savepoint(operation.body, operation.fails, depth)
      case 'folder':
      case 'doc':
      case 'note':
      case 'move':
      case 'delete doc':
      case 'delete folder':
      case 'read':
        return this.#change(operation)
    }
  }

  async #change({ do: what, owner, no, part, value }: RowOperation): Promise<void> {
    const { folders, docs } = this.#now
    const [folderKey, docKey] = [JSON.stringify([owner, no]), JSON.stringify([owner, part])]
    const folder = await this.#session.get(Folder, { owner, no })
    const [doc = null] = await this.#session.getMany(Doc, [{ owner, part }])
    deepStrictEqual(folder?.note, folders.get(folderKey))
    deepStrictEqual(doc && { folderNo: doc.folderNo, note: doc.note }, docs.get(docKey) ?? null)
    const note = `${value}`
    if (what === 'folder' && folder === null) {
      // A row is inserted before others are deleted, so its key has to be free.
      await this.#session.flush()
      this.#session.add(new Folder({ owner, no, note }))
      folders.set(folderKey, note)
    }
    if (what === 'doc' && doc === null) {
      await this.#session.flush()
      this.#session.add(new Doc({ part, note, ...(folder ? { folder } : { owner }) }))
      docs.set(docKey, { folderNo: folder ? no : null, note })
    }
    if (what === 'note' && doc !== null) {
      doc.note = note
      docs.set(docKey, { folderNo: doc.folderNo, note })
    }
    if (what === 'move' && doc !== null) {
      doc.folderNo = folder ? no : null
      docs.set(docKey, { folderNo: doc.folderNo, note: doc.note })
    }
    if (what === 'delete doc' && doc !== null) {
      this.#session.delete(doc)
      docs.delete(docKey)
    }
    const isReferred = [...docs].some(
      ([key, { folderNo }]) => (JSON.parse(key) as string[])[0] === owner && folderNo === no,
    )
    if (what === 'delete folder' && folder !== null && !isReferred) {
      this.#session.delete(folder)
      folders.delete(folderKey)
    }
    if (what === 'read' && folder !== null) await this.#readDocs(folder)
  }

  async #readDocs(folder: Folder): Promise<void> {
    await this.#session.flush()
    await this.#session.refresh(folder)
    const found = await folder.docs
    const expected = [...this.#now.docs].filter(
      ([key, { folderNo }]) =>
        (JSON.parse(key) as string[])[0] === folder.owner && folderNo === folder.no,
    )
    deepStrictEqual(new Set(found.map(docKeyOf)), new Set(expected.map(([key]) => key)))
    for (const doc of found) deepStrictEqual(await doc.folder, folder)
  }

  async check(): Promise<void> {
    const folders = await this.#session.find(Folder).toList()
    const docs = await this.#session.find(Doc).toList()
    deepStrictEqual(modelOf(folders, docs), this.#now)
  }

  async commit(): Promise<void> {
    await this.#session.commit()
    this.#committed = structuredClone(this.#now)
  }

  async #savepoint(body: readonly Operation[], fails: boolean, depth: number): Promise<void> {
    const before = structuredClone(this.#now)
    const work = this.#session.transaction(async () => {
      await this.all(body, depth + 1)
      if (fails) throw new Undone()
    })
    if (!fails) return work
    await rejects(work, Undone)
    this.#now = before
  }
}

function docKeyOf({ owner, part }: Pick<Doc, 'owner' | 'part'>): string {
  return JSON.stringify([owner, part])
}

type DocRow = Pick<Doc, 'owner' | 'part' | 'folderNo' | 'note'>

function modelOf(
  folders: readonly Pick<Folder, 'owner' | 'no' | 'note'>[],
  docs: readonly DocRow[],
): Model {
  return {
    folders: new Map(folders.map(({ owner, no, note }) => [JSON.stringify([owner, no]), note])),
    docs: new Map(docs.map((doc) => [docKeyOf(doc), { folderNo: doc.folderNo, note: doc.note }])),
  }
}

const { operations } = fc.letrec<{ operation: Operation; operations: Operation[] }>((tie) => ({
  operations: fc.array(tie('operation'), { maxLength: 16 }),
  operation: fc.oneof(
    { maxDepth: 3 },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom(
          ...(['folder', 'folder', 'doc', 'doc', 'note', 'move'] as const),
          ...(['delete doc', 'delete folder', 'read'] as const),
        ),
        owner: fc.constantFrom(...owners),
        no: fc.integer({ min: 1, max: 2 }),
        part: fc.constantFrom(...parts),
        value: fc.integer({ min: 1, max: 9 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constantFrom('flush', 'check', 'commit', 'rollback') }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('savepoint'),
        fails: fc.boolean(),
        body: tie('operations'),
      }),
    },
  ) as fc.Arbitrary<Operation>,
}))

it('rows with composite keys end as a plain model does, whatever is done to them', async () => {
  await fc.assert(
    fc.asyncProperty(operations, async (given) => {
      await truncate()
      const committed = await database.run(async (session) => {
        const run = new Run(session)
        await run.all(given)
        await run.check()
        await run.commit()
        return run.committed
      })
      const folders = await query<Folder>('select owner, no, note from folders')
      const docs = await query<DocRow>(
        'select owner, part, folder_no as "folderNo", note from docs',
      )
      expect(modelOf(folders, docs)).toEqual(committed)
    }),
    { numRuns: 120 },
  )
})
