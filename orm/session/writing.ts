import type { Entity } from '../entity/entity.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import type { Statement } from '../sql/statement.ts'
import type { TableFacts } from '../sql/table-facts.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/** A statement of a flush, and the entities that it writes. */
export interface Batch {
  readonly verb: 'INSERT' | 'UPDATE' | 'DELETE'
  readonly table: TableMetadata
  readonly entities: readonly Entity[]
  readonly statement: Statement
}

/** The rows that a write gave back, and how many it touched. */
export interface Written {
  readonly rows: readonly Row[]
  readonly rowCount: number
}

/** The parts of a session that writing uses. */
export interface Writing {
  readonly work: UnitOfWork
  factsOf(table: TableMetadata): TableFacts
  send(batch: Batch): Promise<Written>
}
