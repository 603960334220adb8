import { describe, expect, it } from 'vitest'
import {
  type AnyEntityClass,
  Database,
  hasMany,
  integer,
  manyToMany,
  table,
} from '../../../orm/index.ts'
import { failure } from '../../support/failure.ts'

const SCHEMA = 'DATA_BRIDGE_ERR_SCHEMA'
const id = integer().primaryKey().generated()

describe('the tables of a database are refused', () => {
  const open = (...tables: AnyEntityClass[]) =>
    failure(SCHEMA, () => new Database({ connectionString: 'postgresql://nowhere/', tables }))

  class Page extends table('pages', {
    id,
    marks: () => manyToMany(Mark, { through: 'page_marks' }),
    links: () => hasMany(PageMark, 'pageId'),
  }) {}
  class Mark extends table('marks', { id }) {}
  class PageMark extends table('page_marks', {
    pageId: integer()
      .primaryKey()
      .references(() => Page),
    markId: integer()
      .primaryKey()
      .references(() => Mark),
  }) {}

  it.each([
    ['one of them', [Page, Mark, PageMark]],
    ['one that they refer to', [Page]],
  ])('where a relation names the table of an entity, %s', async (_, tables) => {
    expect((await open(...tables)).message).toBe(
      'PageMark and the link table of Page.marks declare the table page_marks: expected the entity class in place ' +
        'of its name: { through: PageMark }',
    )
  })

  it('where relations between other tables name one link table', async () => {
    class Book extends table('books', {
      id,
      words: () => manyToMany(Word, { through: 'page_marks' }),
    }) {}
    class Word extends table('words', { id }) {}
    class Plain extends table('plains', {
      id,
      marks: () => manyToMany(Mark, { through: 'page_marks' }),
    }) {}
    expect((await open(Book, Plain)).message).toBe(
      'the link table of Book.words and the link table of Plain.marks declare the table page_marks for other keys; ' +
        'expected one link table for each pair of entities',
    )
  })
})
