import type { GeneratorValue } from 'fast-check'
import fc from 'fast-check'
import {
  type AnyEntityClass,
  belongsTo,
  hasMany,
  hasOne,
  integer,
  manyToMany,
  table,
  text,
} from '../../../../orm/index.ts'
import { tableOf } from '../../../../orm/schema/table-of.ts'
import { type Cell, cells, integerCell, type Kind, valueColumns, valueKinds } from './cells.ts'

// Without foreign keys in the database: rows may refer to what is not there.
export class Person extends table('people', {
  id: integer().primaryKey(),
  ...valueColumns(),
  managerId: integer().nullable(),
  manager: () => belongsTo(Person, 'managerId'),
  reports: () => hasMany(Person, 'managerId'),
  posts: () => hasMany(Post, 'authorId'),
  edited: () => hasMany(Post, 'editorId'),
  profile: () => hasOne(Profile, 'personId'),
}) {}

export class Profile extends table('profiles', {
  id: integer().primaryKey(),
  ...valueColumns(),
  personId: integer().nullable(),
  person: () => belongsTo(Person, 'personId'),
}) {}

export class Place extends table('places', {
  a: integer().primaryKey(),
  b: text().primaryKey(),
  ...valueColumns(),
  posts: () => hasMany(Post, ['placeA', 'placeB']),
}) {}

export class Post extends table('posts', {
  id: integer().primaryKey(),
  ...valueColumns(),
  authorId: integer().nullable(),
  editorId: integer().nullable(),
  placeA: integer().nullable(),
  placeB: text().nullable(),
  author: () => belongsTo(Person, 'authorId'),
  editor: () => belongsTo(Person, 'editorId'),
  place: () => belongsTo(Place, ['placeA', 'placeB']),
  tags: () => manyToMany(Tag, { through: PostTag, from: 'postId', to: 'tagId' }),
}) {}

export class PostTag extends table('post_tags', {
  id: integer().primaryKey(),
  postId: integer().nullable(),
  tagId: integer().nullable(),
}) {}

export class Tag extends table('tags', {
  id: integer().primaryKey(),
  ...valueColumns(),
  posts: () => manyToMany(Post, { through: PostTag, from: 'tagId', to: 'postId' }),
}) {}

export const entities = [Person, Profile, Place, Post, PostTag, Tag] as const

/** A row by its properties. */
export type Row = Readonly<Record<string, Cell | null>>
export type World = Readonly<Record<string, readonly Row[]>>

type Pair = readonly [local: string, remote: string]

interface Relation {
  readonly target: string
  readonly isMany: boolean
  readonly pairs: readonly Pair[]
  /** The property of the links that refers to the owner, and to the target; both by their `id`. */
  readonly through?: readonly [from: string, to: string]
}

export interface Model {
  readonly entity: AnyEntityClass
  readonly key: readonly string[]
  readonly kinds: Readonly<Record<string, Kind>>
  readonly relations: Readonly<Record<string, Relation>>
}

const one = (target: string, ...pairs: readonly Pair[]): Relation => ({
  target,
  isMany: false,
  pairs,
})
const many = (target: string, ...pairs: readonly Pair[]): Relation => ({
  target,
  isMany: true,
  pairs,
})
const place: readonly Pair[] = [
  ['placeA', 'a'],
  ['placeB', 'b'],
]

export const models: Readonly<Record<string, Model>> = {
  Person: {
    entity: Person,
    key: ['id'],
    kinds: { id: 'integer', ...valueKinds, managerId: 'integer' },
    relations: {
      manager: one('Person', ['managerId', 'id']),
      reports: many('Person', ['id', 'managerId']),
      posts: many('Post', ['id', 'authorId']),
      edited: many('Post', ['id', 'editorId']),
      profile: one('Profile', ['id', 'personId']),
    },
  },
  Profile: {
    entity: Profile,
    key: ['id'],
    kinds: { id: 'integer', ...valueKinds, personId: 'integer' },
    relations: { person: one('Person', ['personId', 'id']) },
  },
  Place: {
    entity: Place,
    key: ['a', 'b'],
    kinds: { a: 'integer', b: 'text', ...valueKinds },
    relations: { posts: many('Post', ['a', 'placeA'], ['b', 'placeB']) },
  },
  Post: {
    entity: Post,
    key: ['id'],
    kinds: {
      id: 'integer',
      ...valueKinds,
      authorId: 'integer',
      editorId: 'integer',
      placeA: 'integer',
      placeB: 'text',
    },
    relations: {
      author: one('Person', ['authorId', 'id']),
      editor: one('Person', ['editorId', 'id']),
      place: one('Place', ...place),
      tags: { target: 'Tag', isMany: true, pairs: [], through: ['postId', 'tagId'] },
    },
  },
  Tag: {
    entity: Tag,
    key: ['id'],
    kinds: { id: 'integer', ...valueKinds },
    relations: {
      posts: { target: 'Post', isMany: true, pairs: [], through: ['tagId', 'postId'] },
    },
  },
  PostTag: {
    entity: PostTag,
    key: ['id'],
    kinds: { id: 'integer', postId: 'integer', tagId: 'integer' },
    relations: {},
  },
}

/** The model of a table whose name is known. */
export function modelOf(name: string): Model {
  return models[name] as Model
}

/** Rows for each table: few values, so that many are equal, and some are NULL. */
export function randomWorld(gen: GeneratorValue): World {
  const rowsOf = ([name, { key, kinds }]: [string, Model]): [string, Row[]] => {
    const size = gen(fc.integer, { min: 0, max: name === 'PostTag' ? 10 : 6 })
    const rows = Array.from({ length: size }, (_, index) =>
      Object.fromEntries(
        Object.entries(kinds).map(([property, kind]) => {
          if (key.length === 1 && property === 'id') return [property, integerCell(index)]
          const isNull = !key.includes(property) && gen(fc.integer, { min: 0, max: 4 }) === 0
          return [property, isNull ? null : gen(fc.constantFrom<Cell[]>, ...cells[kind])]
        }),
      ),
    )
    const byKey = new Map(rows.map((row) => [key.map((each) => row[each]?.rank).join(), row]))
    return [name, [...byKey.values()]]
  }
  return Object.fromEntries(Object.entries(models).map(rowsOf))
}

/** Puts the rows into the tables, in place of those that were there. */
export async function store(
  world: World,
  query: (text: string, parameters?: readonly unknown[]) => Promise<unknown>,
): Promise<void> {
  for (const [name, rows] of Object.entries(world)) {
    const metadata = tableOf(modelOf(name).entity)
    const texts = rows.map((row) =>
      Object.fromEntries(
        metadata.columns.map(({ name: column, property }) => [column, row[property]?.text ?? null]),
      ),
    )
    await query(`delete from ${metadata.name}`)
    await query(
      `insert into ${metadata.name} select * from json_populate_recordset(null::${metadata.name}, $1)`,
      [JSON.stringify(texts)],
    )
  }
}

/** The rows behind a relation, in the order of their key. Of a to-one relation there is at most one. */
export function follow(world: World, name: string, relation: string, row: Row): readonly Row[] {
  const { target, isMany, pairs, through } = modelOf(name).relations[relation] as Relation
  const isSame = (one?: Cell | null, other?: Cell | null): boolean =>
    one !== null && other !== null && one?.rank === other?.rank
  const isLinked = (found: Row): boolean =>
    through === undefined
      ? pairs.every(([local, remote]) => isSame(row[local], found[remote]))
      : (world['PostTag'] ?? []).some(
          (link) => isSame(link[through[0]], row['id']) && isSame(link[through[1]], found['id']),
        )
  const found = (world[target] ?? []).filter(isLinked)
  return isMany
    ? found
    : found.toSorted((a, b) => (a['id']?.rank ?? 0) - (b['id']?.rank ?? 0)).slice(0, 1)
}
