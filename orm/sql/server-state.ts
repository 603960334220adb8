import { statementsIn } from './transaction-control.ts'

/**
 * Whether a text of your own SQL may change the state of the server's session beyond its transaction: settings,
 * locks, temporary tables, what it listens to. It may, unless all that it says is known to be harmless:
 * a function of your own may call `set_config`.
 */
export function mayChangeState(text: string): boolean {
  if (temporary.test(text)) return true
  if (statementsIn(text).some(changes)) return true
  // A declaration calls nothing, unless a query fills it.
  return !isDeclaration.test(text) && callsUnknown(text)
}

const isDeclaration = /^\s*(?:create|alter|drop|grant|revoke)\b(?![^]*\bselect\b)/i

const temporary = /\b(?:temp|temporary|pg_temp)\b/i

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

const harmlessVerbs: ReadonlySet<string> = new Set(
  words(`SELECT INSERT UPDATE DELETE MERGE WITH VALUES TABLE EXPLAIN SHOW SAVEPOINT RELEASE ROLLBACK LOCK TRUNCATE
    ANALYZE COMMENT NOTIFY COPY CREATE ALTER DROP GRANT REVOKE REFRESH REINDEX VACUUM CLUSTER`),
)

// What follows SET and ends with the transaction.
const ofTransaction: ReadonlySet<string> = new Set(['LOCAL', 'CONSTRAINTS', 'TRANSACTION'])

function changes(words: readonly string[]): boolean {
  const [first, second = ''] = words.map((word) => word.toUpperCase())
  if (first === undefined || harmlessVerbs.has(first)) return false
  return !(first === 'SET' && ofTransaction.has(second))
}

const call = /([\p{L}_"][\p{L}\d_$"]*)\s*\(/gu

// The names of a table, an alias or a common table expression come with the list of its columns.
const beforeNames = /\b(?:into|as|with|recursive)\s+(?:[\p{L}\d_$"]+\s*\.\s*)?$/iu

// A further common table expression comes behind a comma, as a function may.
const isCommonTable = /^[\p{L}\d_$"]+\s*\([^()]*\)\s*as\s+(?:(?:not\s+)?materialized\s*)?\(/iu

// A comment may stand between the name of a function and its parenthesis.
const behindComment = /(?:\*\/|--[^\r\n]*[\r\n])\s*\(/

const localSetting = /\bset_config\s*\([^()]*,\s*true\s*\)/gi

function callsUnknown(text: string): boolean {
  if (behindComment.test(text)) return true
  const rest = text.replaceAll(localSetting, '')
  for (const { 1: name = '', index } of rest.matchAll(call)) {
    const before = rest.slice(Math.max(0, index - longestBefore), index)
    const isHarmless = !isQualified.test(before) || ofCatalogue.test(before)
    if (isHarmless && harmless.has(name.toLowerCase())) continue
    const isName = beforeNames.test(before) || isCommonTable.test(rest.slice(index))
    if (!isName) return true
  }
  return false
}

// Enough for a word and a qualified name of 63 bytes each.
const longestBefore = 160

const isQualified = /\.\s*$/
const ofCatalogue = /\bpg_catalog\s*\.\s*$/i

/** Words that may stand before a parenthesis: of the language, types, and functions of PostgreSQL without effects. */
const harmless: ReadonlySet<string> = new Set([
  ...words(`all and any array as asc between both by case check cross cube default distinct do else end except
    exists extract filter for from full grouping groups having if ilike in inner intersect into is join key lateral
    left like limit materialized natural not nothing notnull of offset on or order outer overlaps partition primary
    range recursive references returning right rollup row rows select set sets similar some symmetric then ties to
    union unique update using values when where window with within conflict constraint foreign generated over
    delete insert merge matched left tablesample only index generated always stored explain analyze`),
  ...words(`bigint bit bool boolean bpchar bytea char character cidr citext date decimal double float float4 float8
    inet int int2 int4 int8 integer interval json jsonb money name numeric oid point precision real regclass serial
    smallint text time timestamp timestamptz timetz tsquery tsvector uuid varbit varchar varying vector xml`),
  ...words(`abs age array_agg array_append array_cat array_length array_ndims array_position array_positions
    array_prepend array_remove array_replace array_to_json array_to_string array_upper array_lower ascii avg
    bit_length bool_and bool_or btrim cardinality cast cbrt ceil ceiling char_length character_length chr
    clock_timestamp coalesce concat concat_ws corr cos count cume_dist current_database current_schema
    current_setting current_date current_time current_timestamp date_bin date_part date_trunc decode degrees
    dense_rank div encode every exp first_value floor format gen_random_uuid generate_series generate_subscripts
    greatest initcap isfinite json_agg json_array_elements json_array_elements_text json_array_length
    json_build_array json_build_object json_each json_each_text json_extract_path json_extract_path_text
    json_object json_object_agg json_object_keys json_populate_record json_populate_recordset json_strip_nulls
    json_to_record json_to_recordset json_typeof jsonb_agg jsonb_array_elements jsonb_array_elements_text
    jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path
    jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys jsonb_path_exists
    jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first jsonb_populate_record
    jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record
    jsonb_to_recordset jsonb_typeof justify_days justify_hours justify_interval lag last_value lead least left
    length ln localtime localtimestamp log lower lpad ltrim make_date make_interval make_time make_timestamp
    make_timestamptz max md5 min mod mode nextval currval lastval now nth_value ntile nullif octet_length overlay
    percent_rank percentile_cont percentile_disc pg_advisory_xact_lock pg_advisory_xact_lock_shared
    pg_backend_pid pg_column_size pg_database_size pg_get_serial_sequence pg_notify pg_relation_size pg_sleep
    pg_total_relation_size pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared pg_typeof phraseto_tsquery
    pi plainto_tsquery position power quote_ident quote_literal quote_nullable radians random rank regexp_count
    regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table
    regexp_substr repeat replace reverse right round row_number row_to_json rpad rtrim setval sha256 sign
    similarity sin split_part sqrt starts_with statement_timestamp stddev stddev_pop stddev_samp string_agg
    string_to_array strpos substr substring sum tan to_char to_date to_json to_jsonb to_number to_timestamp
    to_tsquery to_tsvector transaction_timestamp translate trim trunc ts_headline ts_rank ts_rank_cd txid_current
    unaccent unnest upper uuidv4 uuidv7 var_pop var_samp variance websearch_to_tsquery width_bucket version`),
])
