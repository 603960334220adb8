import { describe } from '../errors.ts'
import { optionError } from '../util/option-checks.ts'

/** A connection URL, taken apart. */
export interface ConnectionUrl {
  /** Without the parameters below: `pg` reads some of them otherwise than libpq. */
  readonly text: string
  /** The values of the parameters that are read here, not by `pg`. */
  readonly parameters: ReadonlyMap<string, string>
}

const ownParameters: ReadonlySet<string> = new Set([
  'ssl',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslnegotiation',
  'uselibpqcompat',
  'pgbouncer',
])

const expected = 'connectionString expected a URL such as postgresql://user@localhost:5432/mydb'

export function requireUrl(connectionString: unknown): ConnectionUrl {
  if (typeof connectionString !== 'string')
    throw optionError(`${expected}, got ${describe(connectionString)}`)
  if (connectionString === '') throw optionError(`${expected}, got an empty string`)
  if (!/^postgres(ql)?:\/\//.test(connectionString) || !URL.canParse(whole(connectionString))) {
    throw optionError(
      `${expected}; got a string of another form (not shown, since it may hold a password)`,
    )
  }
  return { text: withoutOwn(connectionString), parameters: parametersOf(connectionString) }
}

// `pg` takes a user without a host, too.
function whole(connectionString: string): string {
  return connectionString.replace('@/', '@localhost/')
}

function parametersOf(connectionString: string): ReadonlyMap<string, string> {
  const { searchParams } = new URL(whole(connectionString))
  const parameters = new Map<string, string>()
  for (const [name, value] of searchParams) {
    if (!ownParameters.has(name)) continue
    if ((parameters.get(name) ?? value) !== value)
      throw optionError(`connectionString expected one value of ${name}, got several`)
    parameters.set(name, value)
  }
  return parameters
}

function withoutOwn(connectionString: string): string {
  const [address = '', query] = connectionString.split('#', 1)[0]?.split(/\?(.*)/s, 2) ?? []
  const kept = query?.split('&').filter((part) => {
    const [name] = new URLSearchParams(part).keys()
    return name !== undefined && !ownParameters.has(name)
  })
  return kept === undefined || kept.length === 0 ? address : `${address}?${kept.join('&')}`
}
