import { optionError } from '../util/option-checks.ts'
import { targetOf, type TargetOptions } from './connection-target.ts'
import { ConnectionPool, type Pool, type PoolLimits } from './pool.ts'

/** Opens a pool as the settings say, or takes the one that the application made. */
export function openPool(
  pool: Pool | undefined,
  settings: TargetOptions,
  { acquireMs, prepare, ...limits }: PoolLimits,
): ConnectionPool {
  if (pool !== undefined) {
    requireNoPipeline(pool)
    // 0 is the default of `pg`, so it says nothing.
    const connectMs = pool.options.connectionTimeoutMillis || undefined
    const waiting = { acquireMs: acquireMs ?? connectMs, connectMs }
    return ConnectionPool.around(pool, { ...limits, ...waiting, prepare })
  }
  const { connectionTimeoutMillis } = settings
  const connectMs: PoolLimits['connectMs'] =
    connectionTimeoutMillis === 0 ? false : connectionTimeoutMillis
  const waiting = { acquireMs: acquireMs ?? connectMs, connectMs }
  const target = targetOf(settings, process.env)
  if (prepare === true && target.prepare === false)
    throw optionError('expected prepare and the URL to agree, got prepare: true and pgbouncer=true')
  return ConnectionPool.open(target, { ...limits, ...waiting, prepare: prepare ?? target.prepare })
}

/** In this mode, clients of `pg` refuse all queries that are not of `pg` itself, those of the lane too. */
function requireNoPipeline({ options }: Pool): void {
  const { pipeline } = options as { readonly pipeline?: unknown }
  if (pipeline)
    throw optionError(
      'pool expected a pg.Pool without the option pipeline, in which pg refuses the statements of this library: it sends several at once by itself',
    )
}
