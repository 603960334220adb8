import type { Operation } from '../../../orm/index.ts'

/** What sends a statement, as the program writes it: `find(Post)`, `selectinload(Post.author)`. */
export function originOf(operation: Operation | undefined): string {
  if (operation === undefined) return 'session'
  if (operation.kind === 'session') return operation.name
  if (operation.kind === 'query') {
    const { name, table } = operation
    return table === undefined ? name : `${name}(${table.entityName})`
  }
  const { strategy, relation } = operation
  const path = `${relation.owner.entityName}.${relation.name}`
  if (strategy === 'select') return `lazy ${path}`
  return strategy === 'peers' ? `peers ${path}` : `${strategy}(${path})`
}

/** Whether a statement of this origin loads relations for many entities at once. */
export function isEager(origin: string): boolean {
  return /^(?:selectinload|joinedload|countload)\(/.test(origin)
}
