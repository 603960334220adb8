const identifier = String.raw`(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`
const qualified = new RegExp(`(${identifier})\\.(${identifier})`, 'g')
const literal = /'(?:[^']|'')*'/g

/**
 * The columns of one table that a condition of a plan names, each once. What a subquery decides is left out: PostgreSQL
 * may plan it in two ways, by the number of rows.
 *
 * @param alias under which the plan reads the table
 */
export function columnsIn(condition: string, alias: string): string[] {
  const columns = conjuncts(condition.replaceAll(literal, "''"))
    .filter((each) => !each.includes('SubPlan '))
    .flatMap((each) => [...each.matchAll(qualified)])
    .filter(([, of = '']) => unquoted(of) === alias)
    .map(([, , column = '']) => unquoted(column))
  return [...new Set(columns)]
}

/** The column by which rows are sorted, and how: `t0.likes DESC` is `['t0', 'likes DESC']`. Undefined if it is no column. */
export function sortColumn(key: string): readonly [alias: string, order: string] | undefined {
  const [all = '', alias = '', column = ''] = new RegExp(qualified.source).exec(key) ?? []
  if (all === '' || !key.startsWith(all)) return undefined
  return [unquoted(alias), unquoted(column) + key.slice(all.length)]
}

/** What AND joins at the top of a condition. */
function conjuncts(condition: string): string[] {
  const inner = withoutParentheses(condition)
  const found: string[] = []
  let depth = 0
  let start = 0
  for (let index = 0; index < inner.length; index += 1) {
    if (inner[index] === '(') depth += 1
    else if (inner[index] === ')') depth -= 1
    else if (depth === 0 && inner.startsWith(' AND ', index)) {
      found.push(inner.slice(start, index))
      start = index + ' AND '.length
    }
  }
  return [...found, inner.slice(start)]
}

/** Without the parentheses around all of it. */
function withoutParentheses(condition: string): string {
  if (!condition.startsWith('(') || !condition.endsWith(')')) return condition
  let depth = 0
  for (let index = 0; index < condition.length - 1; index += 1) {
    if (condition[index] === '(') depth += 1
    else if (condition[index] === ')') depth -= 1
    if (depth === 0) return condition
  }
  return withoutParentheses(condition.slice(1, -1))
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}
