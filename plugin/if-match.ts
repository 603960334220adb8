import { safeError } from '../orm/index.ts'

/** The strong tags that `If-Match` lists, or any. Weak ones are left out: they never match. */
export type WantedTags = readonly string[] | 'any'

// A tag, and the comma or the end behind it. Lists may have empty items (RFC 9110, 5.6.1).
const item = /[\t ,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[\t ]*(?:,[\t ,]*|$)/y

/**
 * The value of `If-Match`.
 *
 * @throws DataBridgeError `DATA_BRIDGE_ERR_INVALID_VALUE` (400) if it is malformed.
 */
export function wantedTags(header: string): WantedTags {
  if (header.trim() === '*') return 'any'
  const tags: string[] = []
  item.lastIndex = 0
  do {
    const tag = item.exec(header)?.[1]
    if (tag === undefined) throw malformedError()
    tags.push(tag)
  } while (item.lastIndex < header.length)
  return tags.filter((tag) => !tag.startsWith('W/'))
}

function malformedError(): Error {
  return safeError(
    'DATA_BRIDGE_ERR_INVALID_VALUE',
    'If-Match expected * or a list of quoted entity tags, got something else',
  )
}
