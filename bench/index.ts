/** `npm run bench` lists the benchmarks, `npm run bench -- <name>` runs one; it fails where a promise is not kept. */
import type { Benchmark } from './benchmark.ts'
import { statements } from './statements/benchmark.ts'
import { telemetry } from './telemetry/benchmark.ts'

const benchmarks: readonly Benchmark[] = [statements, telemetry]

const [name, ...others] = process.argv.slice(2)
const benchmark = benchmarks.find((each) => each.name === name)

if (name === undefined) {
  console.log(`npm run bench -- <name>\n\n${listed()}`)
} else if (benchmark === undefined || others.length > 0) {
  const came = [name, ...others].join(' ')
  console.error(`expected the name of one benchmark; came "${came}". There are:\n\n${listed()}`)
  process.exitCode = 1
} else if (!(await benchmark.run())) {
  process.exitCode = 1
}

function listed(): string {
  return benchmarks.map(({ name: each, summary }) => `  ${each.padEnd(12)} ${summary}`).join('\n')
}
