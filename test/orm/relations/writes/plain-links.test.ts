import { beforeEach, describe, expect, it } from 'vitest'
import { integer, manyToMany, selectinload, table, text } from '../../../../orm/index.ts'
import { testDatabase } from '../../../support/database.ts'
import { coded } from '../../../support/failure.ts'

class Post extends table('posts', {
  id: integer().primaryKey().generated(),
  title: text(),
  tags: () => manyToMany(Tag, { through: 'post_tags' }),
  strictTags: () => manyToMany(Tag, { through: 'post_tags', lazy: 'raise' }),
  related: () => manyToMany(Post, { through: 'related', from: 'one_id', to: 'other_id' }),
}) {}

class Tag extends table('tags', {
  id: integer().primaryKey().generated(),
  name: text().unique(),
  posts: () => manyToMany(Post, { through: 'post_tags' }),
}) {}

const { database, query, truncate } = await testDatabase([Post, Tag])

beforeEach(async () => {
  await truncate()
  await query(`insert into posts (title) values ('one'), ('two')`)
  await query(`insert into tags (name) values ('go'), ('sql')`)
  await query(`insert into post_tags (post_id, tag_id) values (1, 1), (2, 1)`)
})

const links = async (): Promise<string[]> => {
  const rows = await query(`select post_id || '-' || tag_id as link from post_tags order by 1`)
  return rows.map((row) => String(row['link']))
}

describe('a link table without an entity', () => {
  it('gets and loses rows from both sides', async () => {
    await database.run(async (session) => {
      const [one] = await session.getMany(Post, [1])
      const [go, sql] = await session.getMany(Tag, [1, 2])
      one?.tags.add(sql as Tag, new Tag({ name: 'new' }))
      go?.posts.remove(one as Post)
    })
    expect(await links()).toEqual(['1-2', '1-3', '2-1'])
  })

  it('is the same behind all relations that name it, and the last word counts', async () => {
    await database.run(async (session) => {
      const [one] = (await session.getMany(Post, [1])) as [Post]
      const [go, sql] = (await session.getMany(Tag, [1, 2])) as [Tag, Tag]
      await session.load(one, selectinload(Post.tags), selectinload(Post.strictTags))
      one.tags.add(sql)
      expect(one.strictTags.value).toEqual([go, sql])
      one.strictTags.remove(sql)
      sql.posts.add(one)
      one.tags.remove(sql, go)
      expect([one.tags.value, one.strictTags.value]).toEqual([[], []])
    })
    expect(await links()).toEqual(['2-1'])
  })

  it('links rows of one table', async () => {
    await database.run(async (session) => {
      const [one, two] = (await session.getMany(Post, [1, 2])) as [Post, Post]
      one.related.add(two, one)
      two.related.add(new Post({ title: 'three' }))
    })
    expect(await query(`select one_id, other_id from related order by 1, 2`)).toEqual([
      { one_id: 1, other_id: 1 },
      { one_id: 1, other_id: 2 },
      { one_id: 2, other_id: 3 },
    ])
  })

  it('loses the links of a deleted row, which leaves the lists', async () => {
    await database.run(async (session) => {
      const [one] = (await session.getMany(Post, [1])) as [Post]
      const [go] = (await session.getMany(Tag, [1])) as [Tag]
      await go.posts
      session.delete(one)
      await session.flush()
      expect(go.posts.value.map(({ title }) => title)).toEqual(['two'])
    })
    expect(await links()).toEqual(['2-1'])
  })
})

describe('a link table whose foreign keys do not cascade', () => {
  it('loses the links of a deleted row with the row', async () => {
    const strict = await testDatabase([Post, Tag])
    await strict.query(`alter table post_tags drop constraint post_tags_post_id_fkey,
      add foreign key (post_id) references posts`)
    await strict.query(`insert into posts (title) values ('one'), ('two')`)
    await strict.query(`insert into tags (name) values ('go'), ('sql')`)
    await strict.query(`insert into post_tags (post_id, tag_id) values (1, 1), (2, 1)`)
    await strict.database.run(async (session) => {
      const [one] = (await session.getMany(Post, [1])) as [Post]
      const [sql] = (await session.getMany(Tag, [2])) as [Tag]
      one.tags.add(sql)
      session.delete(one)
    })
    expect(await strict.query(`select post_id from post_tags`)).toEqual([{ post_id: 2 }])
    expect(await strict.query(`select id from posts`)).toEqual([{ id: 2 }])
  })
})

describe('a link table with a unique value beside both keys', () => {
  it('refuses a link that takes the value of another one, and keeps one that is there', async () => {
    const strict = await testDatabase([Post, Tag])
    await strict.query(`create unique index on post_tags (tag_id)`)
    await strict.query(`insert into posts (title) values ('one'), ('two')`)
    await strict.query(`insert into tags (name) values ('go'), ('sql')`)
    await strict.query(`insert into post_tags (post_id, tag_id) values (1, 1)`)
    const link = (postId: number): Promise<void> =>
      strict.database.run(async (session) => {
        const post = await session.getOrThrow(Post, postId)
        post.tags.add(await session.getOrThrow(Tag, 1))
      })
    await expect(link(2)).rejects.toThrow(coded('DATA_BRIDGE_ERR_UNIQUE'))
    await link(1)
    expect(await strict.query(`select * from post_tags`)).toEqual([{ post_id: 1, tag_id: 1 }])
  })

  it('moves the value from one row to another in one flush', async () => {
    const strict = await testDatabase([Post, Tag])
    await strict.query(`create unique index on post_tags (tag_id)`)
    await strict.query(`insert into posts (title) values ('one'), ('two')`)
    await strict.query(`insert into tags (name) values ('go')`)
    await strict.query(`insert into post_tags (post_id, tag_id) values (1, 1)`)
    await strict.database.run(async (session) => {
      const [one, two] = (await session.getMany(Post, [1, 2])) as [Post, Post]
      const go = await session.getOrThrow(Tag, 1)
      two.tags.add(go)
      one.tags.remove(go)
    })
    expect(await strict.query(`select * from post_tags`)).toEqual([{ post_id: 2, tag_id: 1 }])
  })
})
