import type { Finding } from '../observe/finding.ts'
import type { Provenance, RelationMetadata } from '../observe/operation.ts'

/** The list that entities came from. Without its members, which a finding must not keep. */
export interface Origin {
  readonly list: NonNullable<Provenance['list']>
  readonly path: Provenance['path']
}

const severe = 10

/** The finding of a relation that was loaded one by one. */
export function relationFinding(
  { list, path }: Origin,
  relation: RelationMetadata,
  count: number,
  sql: string,
): Finding {
  const root = list.root.entityName
  const last = list.steps.at(-1)
  return Object.freeze({
    kind: 'n1.relation',
    target: nameOf(relation),
    count,
    avoidableQueries: count - 1,
    confidence: 'certain',
    severity: count >= severe ? 'error' : 'warn',
    parent: Object.freeze({ target: last === undefined ? root : nameOf(last), rows: list.size }),
    sql,
    fix: `find(${root}).options(${loaders([...list.steps, ...path, relation])})`,
  })
}

/** `selectinload(Post.comments).options(selectinload(Comment.author))` */
function loaders(path: readonly RelationMetadata[]): string {
  return path.reduceRight((nested, relation) => {
    const loader = `selectinload(${nameOf(relation)})`
    return nested === '' ? loader : `${loader}.options(${nested})`
  }, '')
}

function nameOf({ owner, name }: RelationMetadata): string {
  return `${owner.entityName}.${name}`
}
