import { globSync, readFileSync, statSync } from 'node:fs'
import { join, posix, resolve, sep } from 'node:path'
import ts from 'typescript-5'
import { describe, expect, it } from 'vitest'

/**
 * Who may import whom. A room is a folder of orm/ or a file beside them; `type X` allows
 * `import type` only. All of orm/ may import `errors.ts`. Packages (`pg`, `fastify`,
 * `@opentelemetry/*`) are the business of .oxlintrc.json.
 */
const rooms: Record<string, readonly string[]> = {
  'orm/errors.ts': [],
  'orm/util': [],
  'orm/schema': ['util'],
  'orm/entity': ['util', 'schema'],
  'orm/sql': ['util', 'schema', 'entity'],
  'orm/observe': ['util', 'type schema', 'type entity'],
  'orm/driver': ['util', 'type schema', 'sql', 'observe'],
  'orm/relations': ['util', 'schema', 'entity', 'sql', 'observe'],
  'orm/query': ['util', 'schema', 'entity', 'sql', 'observe', 'relations'],
  'orm/unit-of-work': ['schema', 'entity', 'type sql'],
  'orm/flush': ['util', 'schema', 'entity', 'sql', 'type observe', 'driver', 'unit-of-work'],
  'orm/session': [
    'util',
    'schema',
    'entity',
    'sql',
    'observe',
    'driver',
    'query',
    'relations',
    'unit-of-work',
    'flush',
  ],
  'orm/schema-tools': ['util', 'schema', 'sql', 'type session'],
  'orm/telemetry': ['util', 'type observe'],
  'orm/n-plus-one': ['util', 'schema', 'type entity', 'type observe'],
  'orm/table.ts': ['schema', 'entity', 'sql', 'type query', 'session'],
  'orm/options.ts': ['util', 'driver', 'schema', 'n-plus-one', 'telemetry'],
  'orm/jobs.ts': ['session', 'n-plus-one'],
  'orm/sessions.ts': [
    'util',
    'type schema',
    'observe',
    'driver',
    'flush',
    'type session',
    'telemetry',
    'n-plus-one',
    'options.ts',
    'jobs.ts',
  ],
  'orm/database.ts': [
    'util',
    'type schema',
    'type observe',
    'driver',
    'session',
    'schema-tools',
    'telemetry',
    'n-plus-one',
    'options.ts',
    'jobs.ts',
    'sessions.ts',
  ],
  'orm/index.ts': [
    'util',
    'schema',
    'entity',
    'sql',
    'observe',
    'driver',
    'relations',
    'query',
    'session',
    'type telemetry',
    'n-plus-one',
    'type sessions.ts',
    'database.ts',
    'options.ts',
    'table.ts',
  ],
  plugin: ['index.ts', 'telemetry/index.ts'],
  'example-api': [],
}

const root = resolve(import.meta.dirname, '../..')
const files = globSync('{orm,plugin,example-api}/**/*.ts', { cwd: root }).map(posixPath)

describe('boundaries', () => {
  it('keeps every import inside the table of rooms', () => {
    expect(files.length).toBeGreaterThan(0)
    expect(files.flatMap((file) => violations(file, read(file)))).toEqual([])
  })

  it('allows no import that no file needs', () => {
    const used = new Set<string>()
    for (const file of files) {
      for (const { specifier, typeOnly } of importsOf(file, read(file))) {
        if (!specifier.startsWith('.')) continue
        const target = posix.join(posix.dirname(file), specifier)
        for (const path of [roomOf(target), target])
          used.add(`${roomOf(file)}: ${typeOnly ? 'type ' : ''}${path.replace(/^orm\//, '')}`)
      }
    }
    const unused = Object.entries(rooms).flatMap(([room, entries]) =>
      entries.map((entry) => `${room}: ${entry}`).filter((entry) => !used.has(entry)),
    )
    expect(unused).toEqual([])
  })

  it('keeps every file within 14 KB', () => {
    const folders = '{orm,plugin,example-api,test,bench,scripts}/**/*.{ts,mjs}'
    const all = globSync(folders, { cwd: root, exclude: ['**/node_modules/**'] })
    expect(all.length).toBeGreaterThan(0)
    expect(all.filter((file) => statSync(join(root, file)).size > 14 * 1024)).toEqual([])
  })

  it('keeps the setup of telemetry out of what runs with each request', () => {
    const setup = 'orm/telemetry/setup/'
    const importers = files
      .filter((file) => file !== 'orm/telemetry/index.ts' && !file.startsWith(setup))
      .filter((file) =>
        importsOf(file, read(file)).some(({ specifier }) =>
          posix.join(posix.dirname(file), specifier).startsWith(setup),
        ),
      )
    expect(importers).toEqual([])
  })

  it('keeps orm/index.ts a list of re-exports', () => {
    const others = parse('index.ts', files.includes('orm/index.ts') ? read('orm/index.ts') : '')
      .statements.filter((node) => !(ts.isExportDeclaration(node) && node.moduleSpecifier))
      .map((node) => node.getText())
    expect(others).toEqual([])
  })

  it('asks for a reason behind every disabled lint rule', () => {
    const silent = files.filter((file) => /(ox|es)lint-disable(?!.* -- \S)/.test(read(file)))
    expect(silent).toEqual([])
  })

  it('sees every way to import', () => {
    const source = [
      `import '../session/a.ts'`,
      `import type { B } from '../session/b.ts'`,
      `export * from '../session/c.ts'`,
      `const d = import('../session/d.ts')`,
      `type E = import('../session/e.ts').E`,
      `import F = require('../session/f.ts')`,
      `import { pool } from 'pg'`,
      `import { ok } from '../errors.ts'`,
    ].join('\n')
    const found = violations('orm/sql/probe.ts', source)
    expect(found).toHaveLength(6)
    expect(found[1]).toBe('orm/sql/probe.ts:2 imports orm/session/b.ts')
  })

  it('tells a type import from a value import', () => {
    expect(violations('orm/observe/a.ts', `import type { A } from '../schema/a.ts'`)).toEqual([])
    expect(violations('orm/observe/a.ts', `import { type A } from '../schema/a.ts'`)).toEqual([
      'orm/observe/a.ts:1 imports orm/schema/a.ts as a value',
    ])
  })

  it('lets nobody import the public index, nor leave the library', () => {
    const source = `import '../index.ts'\nimport '../../test/support/a.ts'`
    expect(violations('orm/session/a.ts', source)).toHaveLength(2)
    expect(violations('plugin/a.ts', `import '../orm/session/index.ts'`)).toHaveLength(1)
    expect(violations('plugin/a.ts', `import '../orm/errors.ts'`)).toHaveLength(1)
    expect(violations('plugin/inspector/a.ts', `import '../../orm/index.ts'`)).toEqual([])
    expect(violations('example-api/a.ts', `import '../plugin/index.ts'`)).toHaveLength(1)
  })
})

function violations(file: string, source: string): string[] {
  const room = roomOf(file)
  const allowed = rooms[room]
  if (!allowed) return [`${file} is in no room: name it in the table of this test`]
  return importsOf(file, source).flatMap(({ specifier, line, typeOnly }) => {
    if (!specifier.startsWith('.')) return []
    const target = posix.join(posix.dirname(file), specifier)
    const targetRoom = roomOf(target)
    if (targetRoom === room) return []
    if (target === 'orm/errors.ts' && file.startsWith('orm/')) return []
    const entries = allowed.map((entry) => entry.replace(/^type /, ''))
    const name = [targetRoom, target].find((path) => entries.includes(path.replace(/^orm\//, '')))
    if (!name) return [`${file}:${line} imports ${target}`]
    const valueToo = allowed.includes(name.replace(/^orm\//, ''))
    return valueToo || typeOnly ? [] : [`${file}:${line} imports ${target} as a value`]
  })
}

function roomOf(path: string): string {
  const [top = '', second = ''] = path.split('/')
  return top === 'orm' ? `${top}/${second}` : top
}

interface Import {
  readonly specifier: string
  readonly line: number
  readonly typeOnly: boolean
}

function importsOf(file: string, source: string): Import[] {
  const tree = parse(file, source)
  const found: Import[] = []
  visit(tree)
  return found

  function visit(node: ts.Node): void {
    const [specifier, typeOnly] = importIn(node)
    if (specifier && ts.isStringLiteralLike(specifier)) {
      const line = tree.getLineAndCharacterOfPosition(node.getStart()).line + 1
      found.push({ specifier: specifier.text, line, typeOnly })
    }
    ts.forEachChild(node, visit)
  }
}

function importIn(node: ts.Node): [specifier: ts.Node | undefined, typeOnly: boolean] {
  if (ts.isImportDeclaration(node)) {
    return [node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword]
  }
  if (ts.isExportDeclaration(node)) return [node.moduleSpecifier, node.isTypeOnly]
  if (ts.isExternalModuleReference(node)) return [node.expression, false]
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return [node.argument.literal, true]
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return [node.arguments[0], false]
  }
  return [undefined, false]
}

function parse(file: string, source: string): ts.SourceFile {
  return ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true)
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

function posixPath(path: string): string {
  return path.split(sep).join('/')
}
