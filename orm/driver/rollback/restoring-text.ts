/**
 * What ends with a transaction, and would not end with its savepoint: the modes of constraints and, of a connection
 * whose first state is that of the server, settings, role, locks and temporary tables.
 */
export function restoringText(isResettable: boolean): string {
  return `do $$
    declare
      names text;
    begin
      set constraints all deferred;
      select pg_catalog.string_agg(pg_catalog.format('%I.%I', nspname, conname), ', ') into names
      from pg_catalog.pg_constraint as con join pg_catalog.pg_namespace as nsp on nsp.oid = connamespace
      where condeferrable and not condeferred;
      if names is not null then
        execute 'set constraints ' operator(pg_catalog.||) names operator(pg_catalog.||) ' immediate';
      end if;
      ${isResettable ? resetting : ''}
    end $$`
}

// DISCARD ALL is not possible in a transaction.
const resetting = `
      set session authorization default;
      reset all;
      perform pg_catalog.pg_advisory_unlock_all();
      discard temp;`
