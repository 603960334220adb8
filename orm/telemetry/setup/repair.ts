import {
  effectiveEndpoint,
  effectiveProtocol,
  endpointNames,
  type Environment,
  given,
  protocolNames,
} from './endpoint.ts'
import { endpointUrl, isRatio, protocols } from './options.ts'
import { joinHeaders, repairPairs } from './repair-pairs.ts'
import { repairValues } from './repair-values.ts'
import { fine, oneOf, type Repair, warning } from './repairs.ts'

const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
]

/**
 * Finds what the SDK would pass over in silence, or stop at: it would sample another share, speak
 * another protocol, or send to another place than somebody meant.
 */
export function repair(environment: Environment): Repair {
  const steps = [
    joinHeaders,
    repairPairs,
    repairEndpoints,
    repairProtocols,
    repairSampler,
    repairValues,
  ]
  return steps.reduce<Repair>(
    ({ changes, warnings }, step) => {
      const found = step({ ...environment, ...changes })
      return {
        changes: { ...changes, ...found.changes },
        warnings: [...warnings, ...found.warnings],
      }
    },
    { changes: {}, warnings: [] },
  )
}

function repairEndpoints(environment: Environment): Repair {
  const broken = endpointNames.filter((name) => {
    const endpoint = given(environment, name)
    return endpoint !== undefined && endpointUrl(endpoint, 'http') === undefined
  })
  const changes = removed(broken)
  const { url } = effectiveEndpoint({ ...environment, ...changes })
  const warnings = broken.map((name) =>
    warning(name, 'an address such as http://localhost:4317', environment[name], url),
  )
  return { changes, warnings }
}

function repairProtocols(environment: Environment): Repair {
  const broken = protocolNames.filter((name) => {
    const protocol = given(environment, name)
    return protocol !== undefined && !protocols.some((known) => known === protocol)
  })
  const changes = removed(broken)
  const used = effectiveProtocol({ ...environment, ...changes })
  const warnings = broken.map((name) => warning(name, oneOf(protocols), environment[name], used))
  return { changes, warnings }
}

function repairSampler(environment: Environment): Repair {
  const sampler = given(environment, 'OTEL_TRACES_SAMPLER')
  if (sampler === undefined) return fine
  if (!samplers.includes(sampler)) {
    const used = 'parentbased_always_on'
    return {
      changes: { OTEL_TRACES_SAMPLER: used },
      warnings: [warning('OTEL_TRACES_SAMPLER', oneOf(samplers), sampler, used)],
    }
  }
  const ratio = given(environment, 'OTEL_TRACES_SAMPLER_ARG')
  if (!sampler.endsWith('traceidratio') || (ratio !== undefined && isRatio(Number(ratio)))) {
    return fine
  }
  const changes = { OTEL_TRACES_SAMPLER_ARG: '1' }
  if (ratio === undefined) return { changes, warnings: [] }
  const used = '1, which takes every trace'
  return {
    changes,
    warnings: [warning('OTEL_TRACES_SAMPLER_ARG', 'a number from 0 to 1', ratio, used)],
  }
}

function removed(names: readonly string[]): Environment {
  return Object.fromEntries(names.map((name) => [name, undefined]))
}
