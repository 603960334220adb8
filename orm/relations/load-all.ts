import { observed } from '../observe/observer.ts'
import type { Operation, RelationshipOperation } from '../observe/operation.ts'
import type { Fetching } from '../sql/fetched.ts'
import { fetchObserved, type LoadContext, rowsFound } from './context.ts'
import { CountLoad } from './count-load.ts'
import { SelectinLoad } from './selectin.ts'
import type { Load, Step } from './step.ts'

type Fetches = readonly Fetching<number, RelationshipOperation>[]

/** Loads relations of entities: one statement for each loader, and one exchange for all loaders of one depth. */
export async function loadAll(
  context: LoadContext,
  first: readonly Step[],
  parent: Operation | undefined,
): Promise<void> {
  let steps = first
  while (steps.length > 0) {
    const loads = steps.map((step) => begin(context, step, parent))
    const fetches = loads.flatMap(({ fetching }) => fetching ?? [])
    if (fetches.length > 0) await send(context, fetches, parent)
    steps = loads.flatMap((load) => load.finish())
  }
}

function begin(context: LoadContext, step: Step, parent: Operation | undefined): Load {
  return step.plan.strategy === 'countload'
    ? new CountLoad(context, step, parent)
    : new SelectinLoad(context, step, parent)
}

function send(
  context: LoadContext,
  fetches: Fetches,
  parent: Operation | undefined,
): Promise<unknown> {
  const [first] = fetches
  if (first !== undefined && fetches.length === 1) return fetchObserved(context, first)
  let sent: Promise<readonly number[]> | undefined
  return Promise.all(
    fetches.map(({ operation }, index) => {
      const found = async (): Promise<number> => {
        sent ??= context.fetchAll(fetches, parent ?? operation)
        return (await sent)[index] as number
      }
      return observed(context.observer, operation, found, rowsFound)
    }),
  )
}
