import { Database } from '../../../orm/index.ts'
import { bytesThatGetOld } from '../../support/survivors.ts'
import { workloadsOf } from './workloads.ts'

/* Prints how many bytes a turn of each workload leaves in the old space: see test/support/survivors.ts. */

const [, , url = ''] = process.argv
// Most turns wait for a connection.
const database = new Database({
  connectionString: url,
  max: 2,
  tracing: false,
  nPlusOne: 'count',
})
const workloads = workloadsOf(database)
const found: Record<string, number> = {}
// Those that end before the young generation is collected twice.
for (const name of ['get by key', 'list 100', 'lock, insert, update, commit'])
  found[name] = await bytesThatGetOld(workloads[name]!.turn)
await database.close()
process.stdout.write(JSON.stringify(found))
