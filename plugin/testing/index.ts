export type {
  DatabaseContract,
  Lookup,
  RouteContract,
  SortOrder,
  StatementContract,
  StatementPlan,
} from './contract/contract.ts'
export { expectContract } from './contract/contract-file.ts'
export { databaseContract, type DatabaseContractOptions } from './contract/measure.ts'
export type { ContractApp, ContractRequest } from './contract/requests.ts'
export { startPostgres } from './start-postgres.ts'
export type { EmbeddedPostgres, StartPostgresOptions } from './start-postgres.ts'
export { type Injected, injectWithDb, recordQueries } from './record-queries.ts'
export type { ImplicitLoad, QueryCounts, QueryRecord, RecordedStatement } from './query-record.ts'
export { expectFindings, ignoreFindings } from './expected-findings.ts'
export {
  type ImplicitLoadsOptions,
  type MatcherResult,
  queryMatchers,
  type QueryMatchers,
  querySnapshot,
} from './matchers.ts'
export { type ConstantQueriesOptions, expectConstantQueries } from './constant-queries.ts'
export {
  templateDatabase,
  type TemplateDatabase,
  type TemplateSource,
  testDatabase,
  type TestDatabase,
} from './template-database.ts'
export { withRollback } from './with-rollback.ts'
