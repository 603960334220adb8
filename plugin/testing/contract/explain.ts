import { type Database, type Session, sql } from '../../../orm/index.ts'
import { type CatalogueIndex, indexesOfTables, type TableName } from './catalogue-indexes.ts'
import { isScan, nodesOf, type PlanNode } from './plan-node.ts'
import { type Reference, referencesTo } from './references.ts'
import type { Plans } from './skeleton.ts'

/** What PostgreSQL tells about statements, and about the indexes of their tables. */
export interface Explained {
  /** Why there are no plans, if there are none. */
  readonly reason?: string | undefined
  /** By the texts. A text in place of plans is the SQLSTATE of the error. */
  readonly plans: ReadonlyMap<string, Plans | string>
  readonly indexes: readonly CatalogueIndex[]
  /** The foreign keys to tables from which rows are deleted. */
  readonly references: readonly Reference[]
}

const firstVersion = 16

// Costs depend on what is in the tables. These settings leave one choice: a bitmap scan only uses conditions, a scan of
// the whole table is the last resort, and nested loops let the conditions of joins use indexes.
const joins = ['hashjoin', 'mergejoin', 'material', 'memoize']
const groups = ['hashagg', 'incremental_sort']
const off: Readonly<Record<keyof Plans, readonly string[]>> = {
  lookup: [...joins, 'seqscan', 'indexscan', 'indexonlyscan'],
  sorted: [...joins, ...groups, 'bitmapscan', 'indexscan', 'indexonlyscan'],
  ordered: [...joins, ...groups, 'bitmapscan', 'seqscan', 'sort'],
}
const switches = [...new Set([...Object.values(off).flat(), 'nestloop', 'tidscan'])]

/**
 * Asks for the plans of statements, in one transaction that only reads. It plans them for any values, and executes none.
 *
 * @param texts single statements, with `$1` in place of values
 */
export function explain(database: Database, texts: readonly string[]): Promise<Explained> {
  return database.transaction(
    async (session) => {
      const version = await serverVersion(session)
      const reason = `not checked: EXPLAIN (GENERIC_PLAN) needs PostgreSQL ${firstVersion}`
      if (version < firstVersion) return { reason, plans: new Map(), indexes: [], references: [] }
      const plans = await plansOf(session, texts)
      const references = await referencesTo(session, tablesIn(plans, isDelete))
      const tables = [...tablesIn(plans, isOfTable), ...references]
      return { plans, references, indexes: await indexesOfTables(session, tables) }
    },
    { readOnly: true },
  )
}

async function serverVersion(session: Session): Promise<number> {
  const [row] = await session.execute<{ version: number }>(
    sql`select current_setting('server_version_num')::int / 10000 as version`,
  )
  return row?.version ?? 0
}

// A block of PL/pgSQL, since a statement that comes with values would be planned for these values. An error in it ends
// neither the block nor the transaction.
async function plansOf(
  session: Session,
  texts: readonly string[],
): Promise<ReadonlyMap<string, Plans | string>> {
  await session.execute(sql`
    select set_config('data_bridge.texts', ${JSON.stringify(texts)}, true),
      set_config('data_bridge.probes', ${JSON.stringify(Object.entries(off))}, true),
      set_config('data_bridge.switches', ${JSON.stringify(switches)}, true),
      set_config('max_parallel_workers_per_gather', '0', true)`)
  await session.execute(sql`
    do $$
    declare
      probe jsonb; switch text; statement text; plan json; plans jsonb := '[]';
    begin
      for probe in select value from jsonb_array_elements(current_setting('data_bridge.probes')::jsonb) loop
        for switch in select value from jsonb_array_elements_text(current_setting('data_bridge.switches')::jsonb) loop
          perform set_config('enable_' || switch, case when probe->1 ? switch then 'off' else 'on' end, true);
        end loop;
        for statement in select value from jsonb_array_elements_text(current_setting('data_bridge.texts')::jsonb) loop
          begin
            execute 'explain (generic_plan, verbose, costs off, format json) ' || statement into plan;
            plans := plans || jsonb_build_array(plan->0->'Plan');
          exception when others then
            plans := plans || to_jsonb(sqlstate);
          end;
        end loop;
      end loop;
      perform set_config('data_bridge.plans', plans::text, true);
    end $$`)
  const [row] = await session.execute<{ plans: string }>(
    sql`select current_setting('data_bridge.plans') as plans`,
  )
  const all = JSON.parse(row?.plans ?? '[]') as readonly (PlanNode | string)[]
  return new Map(texts.map((text, place) => [text, plansAt(all, place, texts.length)]))
}

/** The plans of the statement at this place: first all statements come with the first settings. */
function plansAt(
  all: readonly (PlanNode | string)[],
  place: number,
  count: number,
): Plans | string {
  const found = Object.keys(off).map((name, probe) => [name, all[probe * count + place]] as const)
  const failure = found.map(([, plan]) => plan).find((plan) => typeof plan === 'string')
  return failure ?? (Object.fromEntries(found) as unknown as Plans)
}

function isOfTable(node: PlanNode): boolean {
  return isScan(node) || node['Node Type'] === 'ModifyTable'
}

function isDelete(node: PlanNode): boolean {
  return node.Operation === 'Delete'
}

function tablesIn(
  plans: ReadonlyMap<string, Plans | string>,
  isWanted: (node: PlanNode) => boolean,
): readonly TableName[] {
  return [...plans.values()]
    .flatMap((each) => (typeof each === 'string' ? [] : nodesOf(each.lookup)))
    .filter(isWanted)
    .map(({ Schema: schema = '', 'Relation Name': name = '' }) => ({ schema, name }))
}
