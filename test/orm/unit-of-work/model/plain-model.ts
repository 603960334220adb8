import type { Kind } from './tables.ts'

interface PlainRow {
  readonly kind: Kind
  readonly name: string
  readonly boss: string | null
  readonly team: string | null
}

/** What the database should hold: rows by their label, and links as `person|skill`. */
export class PlainModel {
  readonly rows: Map<string, PlainRow>
  readonly links: Set<string>

  constructor(rows: Iterable<[string, PlainRow]> = [], links: Iterable<string> = []) {
    this.rows = new Map(rows)
    this.links = new Set(links)
  }

  copy(): PlainModel {
    return new PlainModel(this.rows, this.links)
  }

  add(label: string, kind: Kind, name: string): void {
    this.rows.set(label, { kind, name, boss: null, team: null })
  }

  change(label: string, change: Partial<PlainRow>): void {
    this.rows.set(label, { ...(this.rows.get(label) as PlainRow), ...change })
  }

  delete(label: string): void {
    this.rows.delete(label)
    for (const link of this.links) if (link.split('|').includes(label)) this.links.delete(link)
  }

  /** Whether another row refers to it, so that it cannot be deleted. */
  isReferred(label: string): boolean {
    return [...this.rows].some(
      ([other, { boss, team }]) => other !== label && (boss === label || team === label),
    )
  }

  staff(label: string): string[] {
    return this.#labels((row) => row.boss === label)
  }

  members(label: string): string[] {
    return this.#labels((row) => row.team === label)
  }

  /** The other ends of the links of a person or a skill. */
  linked(label: string): string[] {
    return [...this.links]
      .map((link) => link.split('|') as [string, string])
      .filter((ends) => ends.includes(label))
      .map(([person, skill]) => (person === label ? skill : person))
      .toSorted()
  }

  /** The same as what the database gives, in one order. */
  get sorted(): unknown {
    const rows = [...this.rows].toSorted(([one], [other]) => (one < other ? -1 : 1))
    return { rows, links: [...this.links].toSorted() }
  }

  #labels(isMeant: (row: PlainRow) => boolean): string[] {
    return [...this.rows].flatMap(([label, row]) => (isMeant(row) ? label : [])).toSorted()
  }
}
