import { Database } from '../../../orm/index.ts'
import { costsOf } from '../../support/cost.ts'
import { workloadsOf } from './workloads.ts'

/*
 * Prints what each workload costs. Run as `node --expose-gc --max-semi-space-size=64 measure.ts <url>` on a
 * database with what workloads.ts seeds: in a process of its own nobody else makes promises.
 */

const [, , url = ''] = process.argv
const database = new Database({
  connectionString: url,
  application_name: 'guard',
  max: 1,
  idleTimeoutMillis: 0,
  tracing: false,
  nPlusOne: 'count',
})
const costs = await costsOf(workloadsOf(database), 'guard')
await database.close()
process.stdout.write(JSON.stringify(costs))
