import { createRequire } from 'node:module'
import { join } from 'node:path'
import { optionError } from '../../util/option-checks.ts'

const require = createRequire(import.meta.url)

// An installer that does not hoist (pnpm) lets the application find them, whose dependencies they are, and not this package.
const origins: readonly (() => string)[] = [
  () => import.meta.url,
  () => process.argv[1] ?? '',
  () => join(process.cwd(), 'package.json'),
]

/** What the set-up needs; all of them are optional for everything else. */
export type SetupPackage =
  | '@opentelemetry/api'
  | '@opentelemetry/sdk-node'
  | '@opentelemetry/auto-instrumentations-node'
  | '@fastify/otel'

/**
 * @throws DataBridgeError `DATA_BRIDGE_ERR_OPTION` that names those which are not installed
 */
export function requireInstalled(names: readonly SetupPackage[]): void {
  const missing = names.filter((name) => resolved(name) === undefined)
  if (missing.length === 0) return
  const noun = missing.length === 1 ? 'the package' : 'the packages'
  const verb = missing.length === 1 ? 'is' : 'are'
  throw optionError(
    `the set-up of telemetry needs ${noun} ${missing.join(', ')}, which ${verb} not installed: npm install ${missing.join(' ')}`,
  )
}

/** Loaded when it is needed, and not before. */
export function load<T>(name: SetupPackage): T {
  return require(resolved(name) ?? name) as T
}

/** A package that another one brings with it; undefined where it does not. */
export function loadFrom<T>(owner: SetupPackage, name: string): T | undefined {
  try {
    return createRequire(resolved(owner) ?? owner)(name) as T
  } catch {
    return undefined
  }
}

/** Whether somebody has loaded it already. */
export function isLoaded(name: SetupPackage): boolean {
  const path = resolved(name)
  return path !== undefined && path in require.cache
}

function resolved(name: SetupPackage): string | undefined {
  for (const origin of origins) {
    try {
      return createRequire(origin()).resolve(name)
    } catch {
      // The next one may find it.
    }
  }
  return undefined
}
