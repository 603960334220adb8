import type { RelationMetadata } from '../../observe/operation.ts'
import { nested } from '../fix.ts'
import { nameOf } from '../lists.ts'
import type { Path, RelationGroup } from './relation-group.ts'
import type { Loaded } from './trigger.ts'

/** What findings call it: `Post.author`, `Article.body`. */
export function targetOf(loaded: Loaded): string {
  if (loaded.loader !== 'undefer') return nameOf(loaded.relation)
  const { table, columns } = loaded
  return columns.map(({ property }) => `${table.entityName}.${property}`).join(', ')
}

/** The relations from a list to what is loaded. */
export function pathOf({ list, path, loaded }: RelationGroup): readonly string[] {
  const steps = [...(list?.steps ?? []), ...path].map(nameOf)
  const target = targetOf(loaded)
  return steps.at(-1) === target ? steps : [...steps, target]
}

/** What loads it for all entities of the list: `find(Post).options(selectinload(Post.author))`. */
export function eagerLoad({ list, path, loaded, levels }: RelationGroup): string {
  const last = loaderOf(loaded)
  if (list === undefined) return last
  const deeper: Path =
    loaded.loader === 'undefer' ? [] : Array.from({ length: levels - 1 }, () => loaded.relation)
  const options = nested([...list.steps, ...path, ...deeper], last)
  // It is there already.
  if (list.isCreated === true) return `load(entities, ${options})`
  return `find(${list.root.entityName}).options(${options})`
}

/** What follows a relation to the own table with one statement. */
export function recursiveQuery({ owner, pairs, through }: RelationMetadata): string {
  const all = `find(${owner.entityName})`
  const conditions = pairs.map(
    ([local, remote]) => `next.${remote.property}.eq(row.${local.property})`,
  )
  const [only] = conditions
  const condition =
    through !== undefined || only === undefined
      ? '…'
      : conditions.length === 1
        ? only
        : `and(${conditions.join(', ')})`
  return `${all}.filter(…).select(…).recursive((rows) => ${all}.join(rows, (next, row) => ${condition}).select(…))`
}

function loaderOf(loaded: Loaded): string {
  if (loaded.loader !== 'undefer') return `${loaded.loader}(${nameOf(loaded.relation)})`
  const { table, columns } = loaded
  return `undefer(${[table.entityName, ...columns.map(({ property }) => `'${property}'`)].join(', ')})`
}
