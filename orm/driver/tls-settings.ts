import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { describe } from '../errors.ts'
import { optionError } from '../util/option-checks.ts'
import { messageOf, sqlStateOf } from './pg-errors.ts'

/** Of `pg`: no TLS, TLS with Node's defaults, or with options of `node:tls`. */
export type Ssl = boolean | ConnectionOptions

/** Other TLS settings, for servers that refuse the first ones. */
export interface TlsFallback {
  readonly ssl: Ssl
  readonly isFor: (error: unknown) => boolean
}

export interface TlsSettings {
  readonly ssl: Ssl
  /** Whether the server is asked before the TLS handshake begins. */
  readonly sslnegotiation: 'postgres' | 'direct'
  readonly fallback: TlsFallback | undefined
}

/** Where TLS settings come from. */
export interface TlsSource {
  /** Parameters of the URL. */
  readonly parameters: ReadonlyMap<string, string>
  /** The option `ssl`. */
  readonly option: Ssl | undefined
  readonly environment: NodeJS.ProcessEnv
  /** Whether the connection is a Unix socket, which has no TLS. */
  readonly isSocket: boolean
}

const modes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']
const usingTls: ReadonlySet<string | undefined> = new Set(modes.slice(3))
const flags: Readonly<Record<string, boolean | 'no-verify'>> = {
  true: true,
  '1': true,
  false: false,
  '0': false,
  'no-verify': 'no-verify',
}

/**
 * Whether and how connections are encrypted. `sslmode` means what it means for libpq: `require` encrypts and
 * verifies nothing, unless it has a root certificate. The option `ssl` may add to it, and not contradict it.
 */
export function tlsSettingsOf(source: TlsSource): TlsSettings {
  const { parameters, option, isSocket } = source
  requireCompatibility(parameters.get('uselibpqcompat'))
  const flag = flagOf(parameters.get('ssl'))
  const mode = modeOf(source, flag)
  const says = saying(source, flag, mode)
  if (says.off !== undefined && says.on !== undefined)
    throw optionError(`expected TLS settings that agree, got ${says.off} and ${says.on}`)
  if (isSocket && option !== undefined && option !== false)
    throw optionError('expected no ssl with a Unix socket, which has no TLS, got ssl')
  const isOff = says.off !== undefined || (says.on === undefined && !isOpen(mode))
  if (isOff || isSocket) return { ssl: false, sslnegotiation: 'postgres', fallback: undefined }
  const ssl = optionsOf(source, mode)
  const tls = { ssl, sslnegotiation: negotiationOf(source), fallback: undefined }
  if (says.on !== undefined) return tls
  return mode === 'allow'
    ? { ...tls, ssl: false, fallback: { ssl, isFor: isPlainRefused } }
    : { ...tls, fallback: { ssl: false, isFor: isTlsMissing } }
}

function negotiationOf({ parameters, environment }: TlsSource): 'postgres' | 'direct' {
  const value = parameters.get('sslnegotiation') ?? (environment['PGSSLNEGOTIATION'] || 'postgres')
  if (value === 'postgres' || value === 'direct') return value
  throw optionError(`sslnegotiation expected postgres or direct, got ${describe(value)}`)
}

/** Whether a mode leaves it to the server. */
function isOpen(mode: string | undefined): boolean {
  return mode === 'allow' || mode === 'prefer'
}

// The message of `pg`.
function isTlsMissing(error: unknown): boolean {
  return messageOf(error) === 'The server does not support SSL connections'
}

// pg_hba.conf has no entry for a connection without TLS.
function isPlainRefused(error: unknown): boolean {
  return sqlStateOf(error) === '28000'
}

function requireCompatibility(value: string | undefined): void {
  if (value === undefined || value === 'true') return
  throw optionError(
    `uselibpqcompat expected true (sslmode always means what it means for libpq; use sslmode=verify-full to verify certificates), got ${describe(value)}`,
  )
}

function flagOf(value: string | undefined): boolean | 'no-verify' | undefined {
  if (value === undefined) return undefined
  const flag = flags[value]
  if (flag !== undefined) return flag
  throw optionError(`ssl in the URL expected true, false or no-verify, got ${describe(value)}`)
}

/** The environment counts only if nothing else says anything. */
function modeOf(
  { parameters, option, environment }: TlsSource,
  flag: boolean | 'no-verify' | undefined,
): string | undefined {
  const given = parameters.get('sslmode')
  if (flag === 'no-verify') {
    if (given?.startsWith('verify') === true) throw contradiction('ssl=no-verify in the URL', given)
    if (given !== 'disable') return flag
  }
  const isSilent = given === undefined && flag === undefined && option === undefined
  const mode = given ?? ((isSilent && environment['PGSSLMODE']) || undefined)
  if (mode === undefined || modes.includes(mode)) return mode
  const name = given === undefined ? 'PGSSLMODE' : 'sslmode'
  throw optionError(`${name} expected one of ${modes.join(', ')}, got ${describe(mode)}`)
}

/** What says that there is no TLS, and what says that there is. */
function saying(
  { parameters, option }: TlsSource,
  flag: boolean | 'no-verify' | undefined,
  mode: string | undefined,
): { readonly off: string | undefined; readonly on: string | undefined } {
  const hasFiles = ['sslrootcert', 'sslcert', 'sslkey'].some((name) => parameters.has(name))
  const first = (...pairs: readonly (readonly [boolean, string])[]): string | undefined =>
    pairs.find(([applies]) => applies)?.[1]
  return {
    off: first(
      [mode === 'disable', 'sslmode=disable'],
      [flag === false, 'ssl=false in the URL'],
      [option === false, 'ssl: false'],
    ),
    on: first(
      [usingTls.has(mode), `sslmode=${mode}`],
      [flag !== undefined && flag !== false, `ssl=${flag} in the URL`],
      [option === true, 'ssl: true'],
      [typeof option === 'object', 'ssl: { … }'],
      [parameters.get('sslnegotiation') === 'direct', 'sslnegotiation=direct'],
      // libpq ignores the files where there is no TLS.
      [hasFiles && mode === undefined, 'certificates in the URL'],
    ),
  }
}

function optionsOf(source: TlsSource, mode: string | undefined): Ssl {
  const { option } = source
  const given: ConnectionOptions = typeof option === 'object' ? option : {}
  const files = filesOf(source, mode)
  for (const name of ['ca', 'cert', 'key', 'passphrase'] as const) {
    if (given[name] !== undefined && files[name] !== undefined)
      throw optionError(`expected ${name} once, got it in the URL and in ssl: { ${name} }`)
  }
  // Spreading would show a key that `pg` hides.
  const options: ConnectionOptions = { ...given, ...files, ...(given.key && { key: given.key }) }
  const verified = verification(mode, options)
  const all = { ...options, ...verified }
  return Object.keys(all).length === 0 ? true : all
}

/** The options of `node:tls` that make up a mode. */
function verification(mode: string | undefined, options: ConnectionOptions): ConnectionOptions {
  const { rejectUnauthorized, ca, checkServerIdentity = () => undefined } = options
  if (mode === undefined) return {}
  if (mode === 'no-verify') {
    if (rejectUnauthorized === true)
      throw contradiction('ssl: { rejectUnauthorized: true }', 'no-verify')
    return { rejectUnauthorized: false }
  }
  if (mode === 'verify-ca' || mode === 'verify-full') {
    if (rejectUnauthorized === false)
      throw contradiction('ssl: { rejectUnauthorized: false }', mode)
    if (mode === 'verify-full') return { rejectUnauthorized: true }
    if (ca === undefined)
      throw optionError(
        'sslmode=verify-ca expected a root certificate (sslrootcert, or ssl: { ca }), got none; for a public authority, use sslmode=verify-full',
      )
    return { rejectUnauthorized: true, checkServerIdentity }
  }
  if (rejectUnauthorized !== undefined) return {}
  return mode === 'require' && ca !== undefined
    ? { rejectUnauthorized: true, checkServerIdentity }
    : { rejectUnauthorized: false }
}

function contradiction(option: string, mode: string): Error {
  return optionError(`expected TLS settings that agree, got ${option} and sslmode=${mode}`)
}

/** Certificates and keys of the URL; of the environment, if a mode is given and the option has none. */
function filesOf({ parameters, environment, option }: TlsSource, mode?: string): ConnectionOptions {
  const pathOf = (name: string): string | undefined => {
    const usual =
      mode === undefined || typeof option === 'object' ? '' : environment[`PG${name.toUpperCase()}`]
    return (parameters.get(name) ?? usual) || undefined
  }
  const root = pathOf('sslrootcert')
  if (root === 'system' && mode !== undefined && mode !== 'verify-full')
    throw optionError(`sslrootcert=system expected sslmode=verify-full, got sslmode=${mode}`)
  const ca = root === 'system' ? undefined : contentOf('sslrootcert', root)
  const cert = contentOf('sslcert', pathOf('sslcert'))
  const key = contentOf('sslkey', pathOf('sslkey'))
  const passphrase = parameters.get('sslpassword')
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
  }
}

function contentOf(name: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException
    throw optionError(`${name} expected a file that can be read, got ${path} (${code})`)
  }
}
