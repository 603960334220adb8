import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { buildApp } from '../../example-api/app.ts'
import ts from 'typescript-5'

const root = resolve(import.meta.dirname, '../../example-api')
const loaders: ReadonlySet<string> = new Set(['selectinload', 'joinedload', 'countload'])

/** An eager load in the sources of the routes. */
export interface EagerLoad {
  readonly file: string
  /** `User.posts` */
  readonly relation: string
  /** The source of its file without it. */
  readonly rest: string
}

/** Every eager load in the sources of the example's routes. */
export function eagerLoads(): readonly EagerLoad[] {
  return globSync('routes/*.ts', { cwd: root }).flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8')
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
    return callsIn(source).map((call) => ({
      file,
      relation: call.arguments[0]?.getText() ?? '',
      rest: without(text, call),
    }))
  })
}

function callsIn(node: ts.Node): ts.CallExpression[] {
  const own = ts.isCallExpression(node) && loaders.has(node.expression.getText()) ? [node] : []
  return [...own, ...node.getChildren().flatMap(callsIn)]
}

/** The source without a loader: without the `.options(…)` that has it, or with nothing where it is a value by itself. */
function without(text: string, loader: ts.CallExpression): string {
  const whole = ofItsOwn(loader)
  const { parent } = whole
  if (ts.isCallExpression(parent) && ts.isPropertyAccessExpression(parent.expression)) {
    const end = parent.expression.expression.getEnd()
    return text.slice(0, end) + text.slice(parent.getEnd())
  }
  const cut = `${text.slice(0, whole.getStart())}undefined${text.slice(whole.getEnd())}`
  const use = 'page.options(included[include])'
  if (!cut.includes(use)) throw new Error(`Expected ${use} in the source, got another one.`)
  return cut.replace(use, `(included[include] === undefined ? page : ${use})`)
}

/** The loader with its own options: `selectinload(User.posts).options(…)`. */
function ofItsOwn(loader: ts.CallExpression): ts.Expression {
  const { parent } = loader
  const isSubject = ts.isPropertyAccessExpression(parent) && parent.expression === loader
  return isSubject && ts.isCallExpression(parent.parent) ? parent.parent : loader
}

/** Imports the example with another source for one file of its routes. */
export async function exampleWith(file: string, source: string): Promise<typeof buildApp> {
  const folder = await mkdtemp(join(tmpdir(), 'example-variant-'))
  try {
    const changed = join(folder, basename(file))
    await writeFile(changed, withFullPaths(source, join(root, file)))
    const app = withFullPaths(readFileSync(join(root, 'app.ts'), 'utf8'), join(root, 'app.ts'))
    const main = join(folder, 'app.ts')
    await writeFile(main, app.replace(JSON.stringify(join(root, file)), JSON.stringify(changed)))
    const variant = (await import(/* @vite-ignore */ main)) as { buildApp: typeof buildApp }
    return variant.buildApp
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Its imports with full paths, so that it can be elsewhere. */
function withFullPaths(source: string, path: string): string {
  return source.replaceAll(/(?<= from )'([^']+)'/g, (_, specifier: string) => {
    const target = specifier.startsWith('.')
      ? resolve(dirname(path), specifier)
      : fileURLToPath(import.meta.resolve(specifier))
    return JSON.stringify(target)
  })
}
