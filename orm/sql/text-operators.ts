import { DataBridgeError, describe } from '../errors.ts'
import { textType } from '../schema/types/texts.ts'
import { optionError, refuseUnknown, requireBoolean } from '../util/option-checks.ts'
import type { ComparableNode } from './comparable.ts'
import { Compare, Param } from './comparisons.ts'
import type { Condition, SqlNode } from './node.ts'
import { enclosed, Pieces } from './pieces.ts'

/** Options of `startsWith`, `endsWith` and `includes`. */
export interface TextOptions {
  /** Whether `A` is `a`. Default: false. */
  readonly ignoreCase?: boolean | undefined
}

/**
 * The text as a part of a pattern of `like` or `ilike`, in which `%`, `_` and `\` stand for themselves.
 *
 * @example
 * ```ts
 * import { escapeLike, type Session } from 'fastify-data-bridge/orm'
 * import { User } from './entities.ts'
 *
 * export function atDomain(session: Session, domain: string): Promise<User[]> {
 *   return session.find(User).filter((user) => user.email.ilike(`_%@${escapeLike(domain)}`)).toList()
 * }
 * ```
 */
export function escapeLike(text: string): string {
  if (typeof text !== 'string') {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_TYPE',
      `escapeLike() expected a string, got ${describe(text)}`,
    )
  }
  return text.replace(/[\\%_]/g, '\\$&')
}

/** Refuses operands that are no texts. */
export function requireText(of: ComparableNode, method: string): void {
  const { type } = of
  if (type === undefined || type.isText) return
  throw of.error(method, `is for text columns; this one is ${type.sql}`)
}

/** A condition on a part of a text, which is given as it is. */
export function likeText(
  of: ComparableNode,
  method: string,
  text: unknown,
  options: unknown,
  patternOf: (escaped: string) => string,
): Condition {
  requireText(of, method)
  of.requireValue(method, text)
  const pattern = patternOf(escapeLike(of.encodeAs(textType, text)))
  const operator = ignoresCase(options, `${of.label}.${method}()`) ? 'ilike' : 'like'
  return new Compare(withoutPadding(of), operator, new Param(pattern))
}

// The spaces behind a `char(n)` mean nothing, but patterns see them.
function withoutPadding(of: ComparableNode): SqlNode {
  return of.type?.cast === 'bpchar' ? new Pieces('unpadded', [of, '::text']) : enclosed(of)
}

function ignoresCase(options: unknown, where: string): boolean {
  if (options === undefined) return false
  if (typeof options !== 'object' || options === null) {
    throw optionError(
      `${where} expected options such as { ignoreCase: true }, got ${describe(options)}`,
    )
  }
  refuseUnknown(options, ['ignoreCase'], where)
  const { ignoreCase } = options as TextOptions
  requireBoolean(`${where}: ignoreCase`, ignoreCase)
  return ignoreCase === true
}
