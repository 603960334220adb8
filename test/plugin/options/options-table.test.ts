import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { poolSettingNames } from '../../../orm/driver/pool-settings.ts'
import { settingsOf } from '../../../plugin/options.ts'
import { requireRouteOptions } from '../../../plugin/route-options.ts'
import { codesIn, tableBelow } from '../../docs/markdown-table.ts'

const readme = readFileSync(resolve(import.meta.dirname, '../../../README.md'), 'utf8')
const ofPool: readonly string[] = poolSettingNames

/** The names of options, as the refusal of an unknown one lists them. */
function knownBy(refuse: () => unknown): readonly string[] {
  expect(refuse).toThrow('no option nothing')
  try {
    refuse()
  } catch (error) {
    return (error as Error).message.replace(/^.*; it has /, '').split(/, | and /)
  }
  return []
}

const namesIn = (table: readonly (readonly string[])[]): readonly string[] =>
  table.flatMap(([names = '']) => codesIn(names))

describe('README.md', () => {
  it('has every option of the plugin, and no others', () => {
    const known = knownBy(() => settingsOf({ nothing: 1 }, {}))
    const documented = namesIn(tableBelow(readme, '## Plugin options'))
    expect(documented.toSorted()).toEqual(known.filter((name) => !ofPool.includes(name)).toSorted())
  })

  it('has every option of a route, and no others', () => {
    const known = knownBy(() => requireRouteOptions({ nothing: 1 }, 'GET /'))
    const documented = namesIn(tableBelow(readme, '### Route options'))
    expect(documented.toSorted()).toEqual(known.toSorted())
  })
})
