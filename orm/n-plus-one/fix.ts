import type { RelationMetadata } from '../observe/operation.ts'
import { type ListResult, nameOf } from './lists.ts'

/**
 * The query of a list, with the loaders of the relations that lead from it:
 * `find(User).options(selectinload(User.posts).options(countload(Post.comments)))`.
 *
 * @param path at least one relation
 * @param last the loader of the last relation
 */
export function queryWith(
  { root, steps }: ListResult,
  path: readonly RelationMetadata[],
  last: 'selectinload' | 'countload' = 'selectinload',
): string {
  const all = [...steps, ...path]
  const target = all.pop() as RelationMetadata
  return `find(${root.entityName}).options(${nested(all, `${last}(${nameOf(target)})`)})`
}

/** A loader below those of relations: `selectinload(Post.comments).options(selectinload(Comment.author))`. */
export function nested(path: readonly RelationMetadata[], last: string): string {
  return path.reduceRight(
    (inner, relation) => `selectinload(${nameOf(relation)}).options(${inner})`,
    last,
  )
}
