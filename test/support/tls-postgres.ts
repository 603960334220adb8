import { vi } from 'vitest'
import { startPostgres } from '../../plugin/testing/index.ts'
import { connect } from './database.ts'
import { type SelfSigned, selfSigned } from './certificate.ts'

/** A PostgreSQL with TLS, whose certificate is for `localhost`. */
export interface TlsPostgres extends AsyncDisposable {
  readonly url: string
  readonly certificate: string
}

export async function startTlsPostgres(): Promise<TlsPostgres> {
  const { url, stop } = await startPostgres()
  const pair = selfSigned('localhost')
  await using client = await connect(url)
  for (const [file, text] of filesOf(pair)) {
    // Written by the server, so that the file belongs to its account.
    await client.query(
      `copy (select unnest(string_to_array('${text.trim()}', E'\\n'))) to program 'umask 077; cat > ${file}'`,
    )
  }
  await client.query('alter system set ssl = on')
  await client.query('select pg_reload_conf()')
  await vi.waitFor(
    async () => {
      await using probe = await connect(`${url}?uselibpqcompat=true&sslmode=require`)
      await probe.query('select 1')
    },
    { timeout: 10_000, interval: 50 },
  )
  return { url, certificate: pair.certificate, [Symbol.asyncDispose]: stop }
}

function filesOf({ certificate, key }: SelfSigned): readonly (readonly [string, string])[] {
  return [
    ['server.crt', certificate],
    ['server.key', key],
  ]
}
