import { parseArgs } from 'node:util'
import { UsageError } from '../benchmark.ts'
import {
  again,
  base,
  distantNames,
  type EntrantName,
  latencies,
  type PeerName,
  peerNames,
  type RouteName,
  routeNames,
  type WorkloadName,
  workloadNames,
} from './names.ts'

/** A workload behind so much latency each way. */
export interface Distant {
  readonly workload: (typeof distantNames)[number]
  readonly milliseconds: number
}

export interface PeersOptions {
  readonly entrants: readonly EntrantName[]
  readonly workloads: readonly WorkloadName[]
  readonly distant: readonly Distant[]
  readonly routes: readonly RouteName[]
  readonly rounds: number
}

const defaultRounds = 15

const groups = { direct: workloadNames, latency: distantNames, http: routeNames } as const

/** Workloads with latency have their names behind a prefix. */
const distantOf = new Map<string, (typeof distantNames)[number]>(
  distantNames.map((name) => [`latency-${name}`, name]),
)

const knownWorkloads: readonly string[] = [
  ...workloadNames,
  ...distantOf.keys(),
  ...routeNames,
  ...Object.keys(groups),
]

export const optionsHelp = `--only=…       ${peerNames.join(', ')} (default: all)
--workloads=…  ${workloadNames.join(', ')},
               ${[...distantOf.keys(), ...routeNames].join(', ')},
               or the groups ${Object.keys(groups).join(', ')} (default: all)
--rounds=…     how many times everyone takes a turn; half as many with latency and over HTTP
               (default: ${defaultRounds})`

/** Reads the options behind `npm run bench -- peers`. Throws a `UsageError` that says what was expected. */
export function peersOptions(given: readonly string[]): PeersOptions {
  const { only, workloads, rounds } = parsed(given)
  const peers = namesIn('--only', only, peerNames)
  const chosen = namesIn('--workloads', workloads, knownWorkloads)
  const has = (name: string, group: keyof typeof groups): boolean =>
    chosen.includes(name) || chosen.includes(group)
  return {
    entrants: [base, again, ...peerNames.filter((name) => name !== base && peers.includes(name))],
    workloads: workloadNames.filter((name) => has(name, 'direct')),
    distant: [...distantOf]
      .filter(([name]) => has(name, 'latency'))
      .flatMap(([, workload]) => latencies.map((milliseconds) => ({ workload, milliseconds }))),
    routes: routeNames.filter((name) => has(name, 'http')),
    rounds: countIn('--rounds', rounds),
  }
}

/** The peer that an entrant runs. */
export function peerOf(entrant: EntrantName): PeerName {
  return entrant === again ? base : entrant
}

interface Parsed {
  readonly only?: string
  readonly workloads?: string
  readonly rounds?: string
}

function parsed(given: readonly string[]): Parsed {
  const option = { type: 'string' } as const
  try {
    const { values } = parseArgs({
      args: [...given],
      options: { only: option, workloads: option, rounds: option },
    })
    return values
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

function namesIn(
  option: string,
  text: string | undefined,
  known: readonly string[],
): readonly string[] {
  if (text === undefined) return known
  const names = text.split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length === 0) return names
  const quoted = unknown.map((name) => `"${name}"`).join(', ')
  throw new UsageError(`${option} expected names from ${known.join(', ')}, got ${quoted}`)
}

function countIn(option: string, text: string | undefined): number {
  if (text === undefined) return defaultRounds
  const count = Number(text)
  if (/^\d+$/.test(text) && count >= 1 && count <= 1000) return count
  throw new UsageError(`${option} expected a whole number from 1 to 1000, got "${text}"`)
}
