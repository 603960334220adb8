/**
 * A preload that starts tracing without a change of code:
 * `node --import fastify-data-bridge/register server.js`, or `--require`. It reads the usual variables of OpenTelemetry:
 * `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, …
 *
 * @module
 */
import { configureTelemetry } from '../orm/telemetry/index.ts'

configureTelemetry()
