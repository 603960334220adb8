export { startPostgres } from './start-postgres.ts'
export type { EmbeddedPostgres, StartPostgresOptions } from './start-postgres.ts'
