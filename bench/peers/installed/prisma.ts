/** The client without a native engine: it compiles queries in WebAssembly and uses the driver `pg`. */
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../node_modules/.prisma-client/index.js'
import type { OpenPeer } from '../peer.ts'

/** Longer statements are those with many rows. A name for each number of rows would fill the connections. */
const longestNamed = 4000

export const open: OpenPeer = (url, connections) => {
  const names = new Map<string, string>()
  const nameOf = (text: string): string => {
    if (text.length > longestNamed) return ''
    const known = names.get(text)
    if (known !== undefined) return known
    const name = `s${names.size}`
    names.set(text, name)
    return name
  }
  const adapter = new PrismaPg(
    { connectionString: url, max: connections },
    { statementNameGenerator: ({ sql }) => nameOf(sql) },
  )
  const prisma = new PrismaClient({ adapter })
  const page = (after: number, limit: number) =>
    ({ where: { id: { gt: after } }, orderBy: { id: 'asc' }, take: limit }) as const
  const one = (id: number) => prisma.user.findUnique({ where: { id } })

  return Promise.resolve({
    user: one,
    users: (after, limit) => prisma.user.findMany(page(after, limit)),
    usersWithPosts: (after, limit) =>
      prisma.user.findMany({
        ...page(after, limit),
        include: {
          posts: { orderBy: { id: 'asc' }, include: { comments: { orderBy: { id: 'asc' } } } },
        },
      }),
    postsWithAuthors: (after, limit) =>
      prisma.post.findMany({ ...page(after, limit), include: { author: true } }),
    postsThenAuthors: async (after, limit) => {
      const posts = await prisma.post.findMany(page(after, limit))
      for (const post of posts) Object.assign(post, { author: await one(post.authorId) })
      return posts
    },
    insertPosts: (made) =>
      prisma.post.createManyAndReturn({
        data: [...made],
        select: { id: true, createdAt: true },
      }),
    // It has no update of many rows with a value for each.
    likePosts: async (after, limit) => {
      const posts = await prisma.post.findMany(page(after, limit))
      await prisma.$transaction(
        posts.map(({ id, likes }) =>
          prisma.post.update({ where: { id }, data: { likes: likes + 1 }, select: { id: true } }),
        ),
      )
    },
    publish: (made) =>
      prisma.$transaction(async (tx) => {
        const [author] = await tx.$queryRaw<[{ id: number; postsCount: number }]>`
          select id, posts_count as "postsCount" from users where id = ${made.authorId} for update`
        const post = await tx.post.create({ data: made })
        await tx.user.update({
          where: { id: author.id },
          data: { postsCount: author.postsCount + 1 },
          select: { id: true },
        })
        return post
      }),
    close: () => prisma.$disconnect(),
  })
}
