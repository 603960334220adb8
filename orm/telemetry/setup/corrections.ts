import { describe } from '../../errors.ts'
import { endpointNames, type Environment, given, protocolNames } from './endpoint.ts'
import { headerCorrections } from './headers.ts'
import { endpointUrl, isRatio, protocols } from './options.ts'

/** A variable that the SDK cannot use as it is set. */
export interface Correction {
  readonly name: string
  /** The value that replaces it; undefined removes the variable, so that the default counts. */
  readonly value: string | undefined
  /** Absent where the meaning was clear. */
  readonly warning?: string
}

interface Rule {
  readonly names: readonly string[]
  readonly expected: string
  readonly isUsable: (value: string) => boolean
}

const rules: readonly Rule[] = [
  {
    names: endpointNames,
    expected: 'an address such as http://localhost:4317',
    // The gRPC exporter throws at an invalid one, which would end the process.
    isUsable: (value) => endpointUrl(value, 'http') !== undefined,
  },
  {
    names: protocolNames,
    expected: `one of ${protocols.join(', ')}`,
    isUsable: (value) => protocols.some((known) => known === value),
  },
  {
    names: ['OTEL_TRACES_SAMPLER_ARG'],
    expected: 'a number from 0 to 1',
    isUsable: (value) => isRatio(Number(value)),
  },
]

export function correctionsOf(environment: Environment): readonly Correction[] {
  return [
    ...headerCorrections(environment),
    ...rules.flatMap((rule) => rule.names.flatMap((name) => checked(environment, name, rule))),
  ]
}

function checked(
  environment: Environment,
  name: string,
  { expected, isUsable }: Rule,
): readonly Correction[] {
  const value = given(environment, name)
  if (value === undefined || isUsable(value)) return []
  const warning = `${name} is ignored: expected ${expected}, got ${describe(value)}`
  return [{ name, value: undefined, warning }]
}
