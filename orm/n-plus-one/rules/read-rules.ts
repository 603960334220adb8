import type { Finding } from '../../observe/finding.ts'
import type { SentStatement, StatementEnd } from '../../observe/observer.ts'
import { Attempts } from '../attempts.ts'
import { inTurn } from '../end-in-turn.ts'
import { programQuery } from '../program-query.ts'
import type { Evidence, Rule } from '../rule.ts'
import { CountRule } from './count-rule.ts'
import { DuplicateRule } from './duplicate-rule.ts'
import { GetRule } from './get-rule.ts'
import { QueryRule } from './query-rule.ts'

/** The rules for what the program reads. Each statement is looked at once for all of them. */
export class ReadRules implements Rule {
  readonly #attempts = new Attempts()
  readonly #gets: GetRule
  readonly #queries: QueryRule
  readonly #counts: CountRule
  readonly #duplicates: DuplicateRule

  constructor(evidence: Evidence) {
    this.#gets = new GetRule(evidence)
    this.#queries = new QueryRule(evidence)
    this.#counts = new CountRule(evidence)
    const others = [this.#gets, this.#queries, this.#counts]
    this.#duplicates = new DuplicateRule(evidence, (query) =>
      others.some((rule) => rule.tells(query)),
    )
  }

  get findings(): readonly Finding[] {
    const all = [this.#gets, this.#queries, this.#counts, this.#duplicates]
    return all.flatMap(({ findings }) => findings)
  }

  sent(statement: SentStatement, session: object): StatementEnd | undefined {
    this.#attempts.sent(statement, session)
    const query = programQuery(statement)
    if (query === undefined) return this.#duplicates.others(statement)
    const attempt = this.#attempts.of(session)
    const ofLoops =
      this.#gets.sent(query, statement, attempt) ??
      this.#queries.sent(query, attempt) ??
      this.#counts.sent(query, statement)
    return inTurn(ofLoops, this.#duplicates.sent(query, statement, session, attempt))
  }

  settle(): void {
    this.#gets.settle()
    this.#queries.settle()
  }

  release(): void {
    this.#counts.release()
  }
}
