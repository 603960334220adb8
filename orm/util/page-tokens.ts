import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { DataBridgeError, describe } from '../errors.ts'
import { optionError } from './option-checks.ts'

const nonceLength = 12
const tagLength = 16
const longestToken = 65_536

/** The keys that are made of a secret. */
interface Keys {
  readonly sealing: Buffer
  readonly naming: Buffer
}

/**
 * Seals the place of a page into a token: who has the token sees no value of it, and can neither change it nor make
 * one. The same place gives the same token, so that equal pages are equal texts.
 */
export class PageTokens {
  readonly #secrets: readonly string[]
  #keys: readonly Keys[] | undefined

  /** @param secrets the first one seals, all of them open; none: a secret of this process */
  constructor(secrets: readonly string[]) {
    this.#secrets = secrets
  }

  /** @throws DataBridgeError `DATA_BRIDGE_ERR_QUERY` if it does not fit into a token */
  seal(text: string): string {
    const { sealing, naming } = this.#all()[0] as Keys
    const nonce = createHmac('sha256', naming).update(text).digest().subarray(0, nonceLength)
    const cipher = createCipheriv('aes-256-gcm', sealing, nonce)
    const sealed = [nonce, cipher.update(text, 'utf8'), cipher.final()]
    const token = Buffer.concat([...sealed, cipher.getAuthTag()]).toString('base64url')
    if (token.length <= longestToken) return token
    // Better than one that is refused when it comes back.
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `page() expected an order by values that fit into a token of ${longestToken} characters, got longer ones`,
    )
  }

  /** @throws DataBridgeError `DATA_BRIDGE_ERR_INVALID_VALUE` (400) if it is no token that was sealed with the secret */
  open(token: unknown, where: string): string {
    if (typeof token !== 'string' || token.length > longestToken) throw tokenError(where)
    const bytes = Buffer.from(token, 'base64url')
    if (bytes.length < nonceLength + tagLength || bytes.toString('base64url') !== token)
      throw tokenError(where)
    for (const keys of this.#all()) {
      const text = opened(bytes, keys)
      if (text !== undefined) return text
    }
    throw tokenError(where)
  }

  #all(): readonly Keys[] {
    return (this.#keys ??= this.#secrets.length === 0 ? [ownKeys()] : this.#secrets.map(keysOf))
  }
}

const shortestSecret = 32

/** The secrets of the option `pageSecret`. */
export function requirePageSecret(secret: unknown): readonly string[] {
  const secrets: readonly unknown[] = secret === undefined ? [] : [secret].flat()
  if (secrets.every(isSecret)) return secrets
  throw optionError(
    `pageSecret expected a string of at least ${shortestSecret} characters, or several, got ` +
      (secrets.some((each) => typeof each === 'string') ? 'a shorter one' : describe(secret)),
  )
}

function isSecret(secret: unknown): secret is string {
  return typeof secret === 'string' && secret.length >= shortestSecret
}

/** A token that is none, or belongs to another query: it comes from a client. */
export function tokenError(where: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_INVALID_VALUE',
    `${where} expected a token of a page of this query, got something else`,
  )
}

function opened(bytes: Buffer, { sealing }: Keys): string | undefined {
  const decipher = createDecipheriv('aes-256-gcm', sealing, bytes.subarray(0, nonceLength))
  decipher.setAuthTag(bytes.subarray(-tagLength))
  try {
    const text = decipher.update(bytes.subarray(nonceLength, -tagLength), undefined, 'utf8')
    return text + decipher.final('utf8')
  } catch {
    return undefined // changed, or sealed with another secret
  }
}

function keysOf(secret: string): Keys {
  const bytes = Buffer.from(hkdfSync('sha256', secret, '', 'fastify-data-bridge page tokens', 64))
  return { sealing: bytes.subarray(0, 32), naming: bytes.subarray(32) }
}

let own: Keys | undefined

function ownKeys(): Keys {
  if (own !== undefined) return own
  if (process.env['NODE_ENV'] === 'production') {
    process.emitWarning(
      'tokens of pages are sealed with a secret of this process: they end with it, and other processes refuse them. ' +
        'Set the option pageSecret, or DATA_BRIDGE_PAGE_SECRET, to the same secret everywhere',
      { code: 'DATA_BRIDGE_PAGE_SECRET' },
    )
  }
  return (own = keysOf(randomBytes(32).toString('hex')))
}
