export { Database, Session } from './database.ts'
/** @internal for the plugin */
export type { SessionContext } from './sessions.ts'
export type { Isolation } from './driver/isolation.ts'
/** @internal for the plugin */
export { requireIsolation } from './driver/isolation.ts'
/** @internal for the plugin */
export { requireDeferrable } from './driver/transaction-mode.ts'
/** @internal for the plugin */
export { runAlone } from './driver/run-alone.ts'
/** @internal for the plugin */
export { requireTimeLimits } from './driver/time-limits.ts'
export type { Health } from './driver/health.ts'
export type { TransactionMode } from './driver/transaction-mode.ts'
export type { TimeLimits } from './driver/time-limits.ts'
export type { PoolSettings } from './driver/pool-settings.ts'
export type { ConnectionSettings } from './driver/connection-settings.ts'
/** @internal for the plugin */
export {
  connectionSettingNames,
  environmentHint,
  isInEnvironment,
} from './driver/connection-settings.ts'
export { DataBridgeError, type ErrorCode, errorCodes, type ErrorFacts } from './errors.ts'
/** @internal for the plugin */
export { describe, safeError, showMessage } from './errors.ts'
export { allowNPlusOne } from './n-plus-one/allowing.ts'
export type { NPlusOneAllowance } from './n-plus-one/allow-list.ts'
export type { FindingMessage, FindingRequest, NPlusOneChannels } from './n-plus-one/channels.ts'
/** @internal for the plugin */
export { messageOf, publish } from './n-plus-one/channels.ts'
/** @internal for the plugin */
export { Budget, type BudgetLimits } from './n-plus-one/budget.ts'
/** @internal for the plugin */
export { refusalOf, refuseFlagged } from './n-plus-one/strict.ts'
/** @internal for the plugin */
export { identityOf, routeName, Unit } from './n-plus-one/unit.ts'
/** @internal for the plugin */
export { whatOf } from './n-plus-one/allow-list.ts'
export type { NPlusOneMode } from './n-plus-one/mode.ts'
export type { NPlusOneOptions, NPlusOneThresholds } from './n-plus-one/settings.ts'
/** @internal for the plugin */
export { type SlowStatement, SlowStatements } from './observe/slow-statements.ts'
export type {
  Finding,
  FindingConfidence,
  FindingKind,
  FindingParent,
  FindingSeverity,
  Site,
} from './observe/finding.ts'
export type { SessionStats } from './observe/stats.ts'
/** @internal for the plugin */
export type { Observer, SentStatement, StatementEnd } from './observe/observer.ts'
/** @internal for the plugin */
export type { Operation } from './observe/operation.ts'
/** @internal for the plugin */
export { type Recording, recordingScope, recordOthers } from './observe/recording.ts'
/** @internal for the plugin */
export { siteOf } from './n-plus-one/source-position.ts'
export type { DatabaseOptions, SessionOptions } from './options.ts'
/** @internal for the plugin */
export { databaseOptionNames, requireTransaction } from './options.ts'
export type { PoolUsage } from './driver/pool.ts'
export type { SpanLevel } from './telemetry/span-settings.ts'
export type { CteOptions, RecursiveOptions } from './query/combined.ts'
export type { GroupedRows } from './query/grouped-rows.ts'
export type { JoinedQuery } from './query/joined-query.ts'
export type { Page, PageOptions } from './query/page.ts'
export { Query } from './query/query.ts'
export type {
  Changes,
  Joinable,
  OptionalRowRefs,
  OrNull,
  RowRefs,
  Returning,
  RowsOf,
  Selection,
} from './query/query-types.ts'
export type { Rows } from './query/rows.ts'
export type { StreamOptions } from './query/run-stream.ts'
export { exists, scalar } from './query/sub-queries.ts'
export {
  countload,
  type CountLoader,
  joinedload,
  type Loader,
  type LoaderOf,
  selectinload,
} from './relations/loader.ts'
export { type RaiseLoader, raiseload } from './relations/raiseload.ts'
export { type Undefer, undefer } from './relations/undefer.ts'
/** @internal for the plugin */
export { listed } from './util/messages.ts'
/** @internal for the plugin */
export {
  optionError,
  refuseUnknown,
  requireBoolean,
  requireCount,
  requireMilliseconds,
  requireOneOf,
} from './util/option-checks.ts'
export type { Column, Fields, OnDelete } from './schema/column.ts'
export {
  bigint,
  type BigintOptions,
  boolean,
  bytea,
  char,
  citext,
  double,
  inet,
  integer,
  type LengthOptions,
  numeric,
  type NumericOptions,
  real,
  smallint,
  text,
  uuid,
  varchar,
} from './schema/columns.ts'
export {
  array,
  custom,
  enumeration,
  type EnumerationOptions,
  json,
  jsonb,
} from './schema/composed-columns.ts'
export {
  date,
  interval,
  time,
  type TimeOptions,
  timestamp,
  type TimestampOptions,
  timestamptz,
  type TimestamptzOptions,
} from './schema/time-columns.ts'
export type { CustomType } from './schema/types/custom.ts'
export type { BigintMode } from './schema/types/integers.ts'
export type { TimestampMode } from './schema/types/timestamps.ts'
export type { Entity } from './entity/entity.ts'
/** @internal for the plugin */
export { type LeftOut, watchLeftOut } from './entity/left-out.ts'
/** @internal for the plugin */
export { withPlainEntities } from './entity/plain.ts'
/** @internal for the plugin */
export { showsRelations } from './entity/entity-json.ts'
/** @internal for the plugin */
export { storedVersion } from './entity/version.ts'
export type { LazyMode } from './schema/lazy-mode.ts'
export {
  type AnyEntityClass,
  belongsTo,
  type EntityOf,
  hasMany,
  hasOne,
  keyOf,
  manyToMany,
  type RelationKind,
  type RelationOptions,
  type RelationTo,
} from './schema/relation.ts'
export type {
  ColumnName,
  Key,
  NewRow,
  Relation,
  RelationRef,
  Row,
  ToManyRelation,
  ToOneRelation,
} from './entity/types.ts'
export type { AdvisoryKey } from './session/advisory-key.ts'
export type { AdvisoryLockOptions, AdvisoryTryOptions } from './session/advisory-options.ts'
export type { ConflictColumns, InsertOptions } from './session/conflict-options.ts'
export type { ExecutedRows } from './session/executed-rows.ts'
export type { TransactionOptions } from './session/transaction-options.ts'
/** @internal for the plugin */
export type { WriteGuard } from './session/write-guard.ts'
/** @internal for the plugin */
export { ambient, ambientScope, type AmbientScope, unit } from './session/ambient.ts'
/** @internal for the plugin */
export { remembered } from './util/remembered.ts'
/** @internal for the plugin */
export { runCallbacks } from './session/run-callbacks.ts'
/** @internal for the plugin */
export type { SessionTrace } from './telemetry/trace-scope.ts'
/** @internal for the plugin */
export type { Telemetry } from './telemetry/telemetry.ts'
/** @internal for the plugin */
export { quote } from './sql/identifier.ts'
export { type Aggregate, avg, count, countDistinct, max, min, sum } from './sql/calls.ts'
export type { LockOptions, UpdateLockOptions } from './sql/lock.ts'
export type { Lockable } from './sql/locked-sources.ts'
export { and, not, or } from './sql/logic.ts'
export type { Condition, Expression, Order, SqlNode } from './sql/node.ts'
export type {
  ColumnRef,
  ColumnRefs,
  Filter,
  Has,
  ListOptions,
  Matches,
  Operand,
  OptionalRefs,
  OptionalToOne,
  Refs,
  RefsOf,
  TextOperators,
  ToMany,
  ToOne,
  ValueQuery,
} from './sql/ref-types.ts'
export { type Sql, sql } from './sql/template.ts'
export { escapeLike, type TextOptions } from './sql/text-operators.ts'
export {
  cumeDist,
  denseRank,
  firstValue,
  lag,
  lastValue,
  lead,
  ntile,
  over,
  percentRank,
  rank,
  rowNumber,
  type Window,
  WindowFunction,
} from './sql/windows.ts'
export {
  type AmbientStatics,
  type ColumnStatics,
  table,
  type TableCheck,
  type TableClass,
  type TableForeignKey,
  type TableOptions,
} from './table.ts'
