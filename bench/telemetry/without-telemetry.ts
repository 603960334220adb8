import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** The replacements that remove telemetry from `orm/database.ts`. */
const replacements: readonly (readonly [before: string, after: string])[] = [
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
  [
    `    if (tracing !== false && this.telemetry !== undefined)
      observers.push(...this.telemetry.observers(trace))\n`,
    '',
  ],
  [`    this.telemetry?.close()\n`, ''],
]

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
  const file = join(copy, 'database.ts')
  writeFileSync(file, replaced(readFileSync(file, 'utf8')))
  removeTelemetry(copy)
  return copy
}

/** @throws if a text is not there exactly once: the source has changed, so the replacements have to change too */
export function replaced(source: string): string {
  return replacements.reduce((text, [before, after]) => {
    const count = text.split(before).length - 1
    if (count !== 1) {
      throw new Error(
        `Expected this text once in orm/database.ts, found it ${count} times. ` +
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
