/** How much a unit asks of its databases. */
export class Activity {
  readonly #outer: Activity | undefined
  /** How many statements were sent so far, and connections asked for. */
  count = 0

  /** @param outer that of the unit in which it runs */
  constructor(outer?: Activity) {
    this.#outer = outer
  }

  asked(): void {
    this.count += 1
    this.#outer?.asked()
  }
}
