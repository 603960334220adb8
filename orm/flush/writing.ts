import type { Entity } from '../entity/entity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import type { Statement } from '../sql/statement.ts'
import type { TableFacts } from '../sql/table-facts.ts'
import type { UnitOfWork } from '../unit-of-work/unit-of-work.ts'

/** A statement of a flush, and the entities that it writes. */
export interface Batch {
  readonly verb: 'INSERT' | 'UPDATE' | 'DELETE' | 'SELECT'
  readonly table: TableMetadata
  readonly entities: readonly Entity[]
  readonly statement: () => Statement
  /**
   * A statement that the server refuses unless it writes exactly one row for each entity, so that COMMIT can
   * follow at once; undefined if there is none.
   */
  readonly guarded: () => Statement | undefined
  /** Whether it needs the types of its result. */
  readonly isDescribed?: true
  /** The writes that it combines; undefined if it is one write. */
  readonly parts?: readonly Batch[]
  /** Puts the result into the entities. Throws if it is not what was expected. */
  readonly absorb: (written: Written) => void
}

/** The rows that a write gave back, and how many it touched. */
export interface Written {
  readonly rows: readonly Row[]
  readonly rowCount: number
  /** Whether the server has checked that each entity has exactly one row. */
  readonly isGuarded: boolean
  /** What the driver makes of a text in a column of the result, if the batch is described. */
  readonly parse?: (column: number, text: string) => unknown
}

/** The parts of a session that writing uses. */
export interface Writing {
  readonly work: UnitOfWork
  readonly factsOf: (table: TableMetadata) => TableFacts
  /** Takes a statement, which is sent together with those after it. */
  put(batch: Batch): void
  /** Asks for values that the database makes. What was taken so far is not sent before. */
  read(statement: Statement): Promise<readonly Row[]>
  /** Sends what was taken so far: what comes next needs the results. */
  settle(): Promise<void>
}
