// A service as a user has it: nothing in it knows of OpenTelemetry.
import Fastify from 'fastify'
import dataBridge from 'fastify-data-bridge'
import { postRoute } from './post-route.ts'

const app = Fastify()
app.register(dataBridge)
postRoute(app)
app.get('/usage', () => app.dataBridge.usage)

const url = await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`${url}\n`)
