import { DataBridgeError, describe } from '../errors.ts'
import type { RelationMetadata, TableMetadata } from './metadata.ts'

/** `User.posts` at run time: which relation of which table. */
class RelationReference {
  readonly table: TableMetadata
  readonly name: string

  constructor(table: TableMetadata, name: string) {
    this.table = table
    this.name = name
    Object.freeze(this)
  }
}

export function relationRef(table: TableMetadata, name: string): RelationReference {
  return new RelationReference(table, name)
}

/** Whether it is `User.posts` or its like. */
export function isRelationRef(reference: unknown): boolean {
  return reference instanceof RelationReference
}

/** The relation that a loader was given. */
export function relationOf(reference: unknown, where: string): RelationMetadata {
  if (reference instanceof RelationReference) return reference.table.relation(reference.name)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected a relation such as User.posts, got ${describe(reference)}`,
  )
}
