import { Database, type DatabaseOptions } from '../../../orm/index.ts'
import { type Sent, watchClients } from '../../support/client-messages.ts'
import { workloadsOf } from './workloads.ts'

/** What each workload sends once its statements are prepared: by the name of the workload. */
export type Paths = Readonly<Record<string, Sent>>

/** Of the connections of {@link pathsOf}, also those of a pool that it is given. */
export const application_name = 'paths'

/** Runs every workload with a database of these options. */
export async function pathsOf(options: DatabaseOptions): Promise<Paths> {
  using clients = watchClients(application_name)
  const ofPool = options.pool === undefined && { application_name, max: 1 }
  const database = new Database({ tracing: false, nPlusOne: 'count', ...ofPool, ...options })
  try {
    const paths: Record<string, Sent> = {}
    for (const [name, { turn }] of Object.entries(workloadsOf(database))) {
      for (let time = 0; time < 3; time += 1) await turn()
      clients.take()
      await turn()
      paths[name] = clients.take()
    }
    return paths
  } finally {
    await database.close()
  }
}
