import { DataBridgeError, describe } from '../errors.ts'
import type { Condition } from '../sql/node.ts'
import { narrowed } from '../sql/logic.ts'
import { isWindow } from '../sql/windows.ts'
import { optionError, refuseUnknown, requireBoolean } from '../util/option-checks.ts'
import {
  behind,
  type KeyOrder,
  keyOrders,
  type KeyTexts,
  nameOfOrder,
  ordersOfKey,
  reversed,
} from './keyset.ts'
import { type PageTokens, tokenError } from '../util/page-tokens.ts'
import type { QueryPlan } from './plan.ts'
import type { SqlNode } from '../sql/node.ts'

/** Which page `page()` gives. */
export interface PageOptions {
  /** The `next` of the page before. Null or undefined: the first page. */
  readonly after?: string | null | undefined
  /** The `previous` of the page behind. */
  readonly before?: string | null | undefined
  /** Whether to count the rows of all pages, with a second statement in the same exchange. Default: `false`. */
  readonly total?: boolean | undefined
}

/** A page of rows, and the tokens of the pages beside it. */
export interface Page<T, Total = undefined> {
  readonly items: T[]
  /** The token of the next page, for `after`; null on the last page. */
  readonly next: string | null
  /** The token of the page before, for `before`; null on the first page. */
  readonly previous: string | null
  /** The number of rows of all pages, with the option `total`. */
  readonly total: Total
}

/** Where a page begins: a row, whose values a token holds. */
interface Start {
  readonly texts: KeyTexts
  readonly isIncluded: boolean
}

/** A page that is to be read. */
export interface PageQuery {
  /** The query of its rows, and of one more. */
  readonly plan: QueryPlan
  readonly orders: readonly KeyOrder[]
  readonly size: number
  readonly hasTotal: boolean
  /** Whether its rows come from its end. */
  readonly isBackward: boolean
  readonly start: Start | undefined
  readonly name: string
}

/** @param key what tells the rows apart; undefined: nothing does */
export function pageQuery(
  plan: QueryPlan,
  key: readonly SqlNode[] | undefined,
  options: unknown,
  tokens: PageTokens,
  where: string,
): PageQuery {
  const { after, before, hasTotal } = requirePageOptions(options, plan, where)
  const size = requirePage(plan, where)
  const orders = ordersOf(plan, key, where)
  const name = nameOfOrder(plan, orders)
  const isBackward = before !== undefined
  const token = before ?? after
  const start = token === undefined ? undefined : startOf(token, name, orders, tokens, where)
  const inOrder = isBackward ? reversed(orders) : orders
  const from = start === undefined ? plan : beginning(plan, inOrder, start)
  return {
    plan: { ...from, orders: ordersOfKey(inOrder), limit: size + 1, after: undefined },
    orders,
    size,
    hasTotal,
    isBackward,
    start,
    name,
  }
}

/** The plan with the rows behind its token. */
export function afterToken(
  plan: QueryPlan,
  key: readonly SqlNode[] | undefined,
  tokens: PageTokens,
  where: string,
): QueryPlan {
  if (plan.after === undefined) return plan
  const orders = ordersOf(plan, key, where)
  const inOrder = { ...plan, orders: ordersOfKey(orders), after: undefined }
  if (plan.after === null) return inOrder
  const start = startOf(plan.after, nameOfOrder(plan, orders), orders, tokens, where)
  return beginning(inOrder, orders, start)
}

function ordersOf(
  plan: QueryPlan,
  key: readonly SqlNode[] | undefined,
  where: string,
): readonly KeyOrder[] {
  const orders = keyOrders(plan, requireKey(key, where), where)
  if (!orders.some(({ by }) => isWindow(by))) return orders
  throw queryError(
    `${where} expected an order of values of each row, got a window function: select() it, and call page() behind that`,
  )
}

/** The tokens of the pages beside one. */
export function tokensOf(
  { isBackward, start, name }: PageQuery,
  keys: readonly KeyTexts[],
  hasMore: boolean,
  tokens: PageTokens,
): Pick<Page<never>, 'next' | 'previous'> {
  const seal = (texts: KeyTexts | undefined, isIncluded = false): string | null =>
    texts === undefined ? null : tokens.seal(JSON.stringify([name, isIncluded, ...texts]))
  // An empty page has no row: the page that led to it begins with the row itself.
  const back = keys.length === 0 ? seal(start?.texts, true) : undefined
  if (isBackward)
    return { previous: hasMore ? seal(keys[0]) : null, next: back ?? seal(keys.at(-1)) }
  return {
    previous: start === undefined ? null : (back ?? seal(keys[0])),
    next: hasMore ? seal(keys.at(-1)) : null,
  }
}

function beginning(plan: QueryPlan, orders: readonly KeyOrder[], start: Start): QueryPlan {
  const condition: Condition = behind(orders, start.texts, start.isIncluded)
  return plan.groups.length > 0
    ? { ...plan, having: narrowed(plan.having, condition) }
    : { ...plan, where: narrowed(plan.where, condition) }
}

function startOf(
  token: string,
  name: string,
  orders: readonly KeyOrder[],
  tokens: PageTokens,
  where: string,
): Start {
  const [sealed, isIncluded, ...texts] = JSON.parse(tokens.open(token, where)) as [
    string,
    boolean,
    ...(string | null)[],
  ]
  if (sealed !== name || texts.length !== orders.length) throw tokenError(where)
  return { texts, isIncluded }
}

function requirePageOptions(
  options: unknown,
  plan: QueryPlan,
  where: string,
): { after: string | undefined; before: string | undefined; hasTotal: boolean } {
  if (typeof options !== 'object' || options === null)
    throw optionError(
      `${where} expected options such as { after: token }, got ${describe(options)}`,
    )
  refuseUnknown(options, ['after', 'before', 'total'], where)
  const { after, before, total } = options as PageOptions
  requireBoolean(`${where}: total`, total)
  const given = { after: after ?? plan.after ?? undefined, before: before ?? undefined }
  if (given.after !== undefined && given.before !== undefined)
    throw queryError(`${where} expected after or before, got both`)
  return { ...given, hasTotal: total === true }
}

function requirePage({ limit, offset, lock }: QueryPlan, where: string): number {
  if (offset !== undefined)
    throw queryError(`${where} expected no offset(): the token says where a page begins`)
  if (lock !== undefined) throw queryError(`${where} expected no ${lock.method}()`)
  if (limit !== undefined && limit > 0) return limit
  throw queryError(`${where} expected a limit() from 1, the size of a page, got ${limit ?? 'none'}`)
}

/** @param key what tells the rows apart; undefined: nothing does */
export function requireKey(key: readonly SqlNode[] | undefined, where: string): readonly SqlNode[] {
  if (key !== undefined) return key
  throw queryError(
    `${where} expected rows that can be told apart, got rows without a key: select the primary key or the groups, or call distinct()`,
  )
}

function queryError(message: string): DataBridgeError {
  return new DataBridgeError('DATA_BRIDGE_ERR_QUERY', message)
}
