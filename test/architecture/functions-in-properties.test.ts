import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import ts from 'typescript-5'
import { expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

// Once for each connection.
const allowed: ReadonlySet<string> = new Set(['connection.emit', 'tapped.attachListeners'])

/** The properties that a function is assigned to where it is written: `this.stop = () => …`. */
function assignedIn(text: string): readonly string[] {
  const source = ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest, true)
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) {
      const { left, right } = node
      const isProperty = ts.isPropertyAccessExpression(left) || ts.isElementAccessExpression(left)
      if (isProperty && isFunction(right) && !allowed.has(left.getText()))
        found.push(node.getText())
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function isAssignment(kind: ts.SyntaxKind): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment
}

function isFunction(node: ts.Expression): boolean {
  if (ts.isParenthesizedExpression(node)) return isFunction(node.expression)
  return ts.isArrowFunction(node) || ts.isFunctionExpression(node)
}

// V8 allocates such a function in the old space. All that it can reach, such as the session and the rows of
// a request, then outlives every minor collection: a list of 1,000 rows took twice the CPU.
it('no function is written where it is assigned to a property', () => {
  const files = globSync('orm/**/*.ts', { cwd: root })
  expect(files.length).toBeGreaterThan(100)
  const found = files.flatMap((file) => assignedIn(readFileSync(join(root, file), 'utf8')))
  expect(found).toEqual([])
})

it.each([
  'this.#stop = (reason) => this.end(reason)',
  'row.read ??= function () {}',
  'row[name] = (() => 1)',
])('sees %s', (text) => {
  expect(assignedIn(text)).toEqual([text])
})

it('allows a function that has a name of its own', () => {
  expect(assignedIn('const stop = () => 1; this.stop = stop; let f; f = () => 1')).toEqual([])
})
