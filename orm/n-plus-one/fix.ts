import type { RelationMetadata } from '../observe/operation.ts'
import { type ListResult, nameOf } from './lists.ts'

/**
 * The query of a list, with the loaders of the relations that lead from it:
 * `find(User).options(selectinload(User.posts).options(countload(Post.comments)))`.
 *
 * @param last the loader of the last relation
 */
export function queryWith(
  { root, steps }: ListResult,
  path: readonly RelationMetadata[],
  last: 'selectinload' | 'countload' = 'selectinload',
): string {
  const all = [...steps, ...path]
  const loaders = all.reduceRight((nested, relation, index) => {
    const loader = `${index === all.length - 1 ? last : 'selectinload'}(${nameOf(relation)})`
    return nested === '' ? loader : `${loader}.options(${nested})`
  }, '')
  return `find(${root.entityName}).options(${loaders})`
}
