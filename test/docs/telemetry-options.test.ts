import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DataBridgeError, Database } from '../../orm/index.ts'
import { requireTelemetryOptions } from '../../orm/telemetry/setup/options.ts'
import { codesIn, tableBelow } from './markdown-table.ts'

const root = resolve(import.meta.dirname, '../..')
const document = readFileSync(join(root, 'docs/telemetry.md'), 'utf8')

/** What is in the first column of the first table below a heading. */
const namesBelow = (heading: string): readonly string[] =>
  tableBelow(document, heading).flatMap(([names = '']) => codesIn(names))

describe('docs/telemetry.md', () => {
  it('has every variable of the environment that the sources name', () => {
    const sources = globSync('{orm,plugin}/**/*.ts', { cwd: root }).map((file) =>
      readFileSync(join(root, file), 'utf8'),
    )
    const pattern =
      /(?:['.]|^ +)((?:OTEL|DD|DATA_BRIDGE_TRACING)_[A-Z_]+|(?:[A-Z]+_)*ENVIRONMENT|SERVICE_[A-Z]+)\b/gm
    const named = sources.flatMap((source) => [...source.matchAll(pattern)].map(([, name]) => name))
    // Those for traces alone are told of once.
    const names = new Set(named.map((name) => name?.replace('OTLP_TRACES_', 'OTLP_') ?? ''))
    expect(names.size).toBeGreaterThan(15)
    expect([...names].filter((name) => !document.includes(`\`${name}\``))).toEqual([])
  })

  it('has every option of configureTelemetry, and no others', () => {
    const heading = '### Options of `configureTelemetry(…)`'
    const [, ofSetup = ''] = document.split(heading)
    const documented = namesBelow(heading)
    expect(documented.toSorted()).toEqual(known({ nothing: 1 }).toSorted())
    const batch = known({ batch: { nothing: 1 } })
    expect(batch).toHaveLength(3)
    for (const name of batch) expect(ofSetup).toContain(name)
  })

  it('has the options of a database that are for its telemetry', () => {
    expect(namesBelow('## Options')).toEqual([
      'tracing',
      'spans',
      'queryText',
      'queryParameters',
      'slowQueryMs',
    ])
    for (const name of ['tracing', 'spans', 'queryText', 'queryParameters']) {
      const options = { connectionString: 'postgresql://localhost/x', [name]: null }
      expect(() => new Database(options as never)).toThrow(`${name} expected`)
    }
  })
})

/** The names of options, as the refusal of an unknown one lists them. */
function known(options: object): readonly string[] {
  const message = refusalOf(() => requireTelemetryOptions(options))
  return message.replace(/^.* it has /, '').split(/, | and /)
}

function refusalOf(refused: () => void): string {
  try {
    refused()
  } catch (error) {
    if (error instanceof DataBridgeError) return error.message
    throw error
  }
  throw new Error('nothing was refused')
}
