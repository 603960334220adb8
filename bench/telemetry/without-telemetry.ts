import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

type Replacements = readonly (readonly [before: string, after: string])[]

/** The replacements that remove telemetry, by the file in `orm/`. */
const replacements: Readonly<Record<'database.ts' | 'sessions.ts', Replacements>> = {
  'database.ts': [
    [`import { wantsOldNames } from './telemetry/span-settings.ts'\n`, ''],
    [`import { wantedApi } from './telemetry/switch.ts'\n`, ''],
    [`import { Telemetry } from`, `import type { Telemetry } from`],
    [
      `    const api = wantedApi(tracing)
    const hasOldNames = wantsOldNames(process.env)
    this.telemetry =
      api && new Telemetry(api, this.#pool, { level, hasText, hasParameters, hasOldNames })\n`,
      '',
    ],
    [`    this.telemetry?.close()\n`, ''],
  ],
  'sessions.ts': [
    [
      `    if (tracing !== false && telemetry !== undefined) observers.push(...telemetry.observers(trace))\n`,
      '',
    ],
    [`import { isExporting } from './telemetry/api.ts'\n`, ''],
    [`  return isExporting() ? undefined : currentUnit()\n`, `  return currentUnit()\n`],
  ],
}

/**
 * Copies `orm/` into a folder and takes the telemetry out of the copy. Everything else is the same.
 *
 * @returns the folder of the copy
 */
export function copyWithoutTelemetry(folder: string): string {
  const copy = join(folder, 'orm')
  cpSync(join(root, 'orm'), copy, { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir')
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  for (const name of ['database.ts', 'sessions.ts'] as const) {
    const file = join(copy, name)
    writeFileSync(file, replaced(readFileSync(file, 'utf8'), name))
  }
  removeTelemetry(copy)
  return copy
}

/** @throws if a text is not there exactly once: the source has changed, so the replacements have to change too */
export function replaced(source: string, name: keyof typeof replacements): string {
  return replacements[name].reduce((text, [before, after]) => {
    const count = text.split(before).length - 1
    if (count !== 1) {
      throw new Error(
        `Expected this text once in orm/${name}, found it ${count} times. ` +
          `Change the replacements in bench/telemetry/without-telemetry.ts:\n${before}`,
      )
    }
    return text.replace(before, () => after)
  }, source)
}

// The checks of the options stay. An import of anything else would fail.
function removeTelemetry(copy: string): void {
  rmSync(join(copy, 'telemetry'), { recursive: true })
  const kept = 'telemetry/span-settings.ts'
  cpSync(join(root, 'orm', kept), join(copy, kept))
}
