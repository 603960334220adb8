import { DataBridgeError } from '../errors.ts'
import type { Parameter, Sink, SqlNode } from './node.ts'
import type { Source } from './source.ts'

const mostParameters = 65_535

const from = (): void => {}

/** Takes the parameters of nodes, in the order in which they are numbered in the text. */
class BindSink implements Sink {
  readonly parameters: Parameter[] = []

  text(): void {}

  parameter(value: Parameter): void {
    // The protocol counts them with sixteen bits.
    if (this.parameters.length === mostParameters) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_INVALID_VALUE',
        `a statement expected at most ${mostParameters} values, got more: give a list to in(), which is one value`,
      )
    }
    this.parameters.push(value)
  }

  column(): void {}

  scope(_source: Source, write: (from: () => void) => void): void {
    write(from)
  }

  reads(): void {}
}

/** The parameters of a tree, in the order in which its text numbers them. */
export function parametersOf(node: SqlNode): readonly Parameter[] {
  const sink = new BindSink()
  node.write(sink)
  return sink.parameters
}
