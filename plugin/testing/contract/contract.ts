/** What routes do to the database, as a file can hold it. Numbers are texts such as `1 + 2·rows`. */
export interface DatabaseContract {
  /** Whether the plans are part of it: `checked`, or why not. */
  readonly plans: string
  /** The indexes of the tables that it reads, each with its definition. A file has only those that are used. */
  readonly indexes: Readonly<Record<string, string>>
  readonly routes: Readonly<Record<string, RouteContract>>
}

/** What one request does. */
export interface RouteContract {
  /** The status code of the answers. */
  readonly status: string
  /** How many transactions it begins, how many statements run in and outside of them, and which rows it locks. */
  readonly transaction: Readonly<Record<string, string>>
  readonly statements: readonly StatementContract[]
}

/** All statements of one text that one part of the program sends. */
export interface StatementContract {
  /** What sends it: `find(Post)`, `selectinload(Post.author)`. */
  readonly by: string
  /** The verb and the table: `SELECT posts`. */
  readonly summary: string
  /** The text, without values. */
  readonly sql: string
  /** How many of them there are, by the number of rows. */
  readonly times: string
  /** Undefined where plans are not checked, and where nothing of it could need an index. */
  readonly plan?: StatementPlan | undefined
}

/**
 * What does not depend on the sizes of tables or on statistics. Which index is best does: so a plan is compared by the
 * indexes that exist, and by the number of filters and orders that no index serves.
 */
export interface StatementPlan {
  /** Conditions that choose rows, in the order in which the tables are joined. */
  readonly lookups?: readonly Lookup[] | undefined
  /** Orders and groups of columns. */
  readonly orders?: readonly SortOrder[] | undefined
  /** The indexes that ON CONFLICT asks. */
  readonly conflicts?: readonly string[] | undefined
  /** Why PostgreSQL did not tell a plan. */
  readonly unknown?: string | undefined
}

/** A table, and the columns by which its rows are chosen. */
export interface Lookup {
  readonly table: string
  readonly columns: string
  /** Null: PostgreSQL has to read the whole table. */
  readonly index: string | null
}

/** Rows that are wanted in an order. */
export interface SortOrder {
  /** `posts.likes DESC` */
  readonly by: string
  /** Null: PostgreSQL has to sort them. */
  readonly index: string | null
}

/** The indexes that a plan depends on. */
export function indexesOf(plan: StatementPlan | undefined): readonly string[] {
  const { lookups = [], orders = [], conflicts = [] } = plan ?? {}
  const all = [...[...lookups, ...orders].map(({ index }) => index), ...conflicts]
  return [...new Set(all)].filter((index) => index !== null)
}
