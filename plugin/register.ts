/**
 * Preload for traces without a change of code:
 * `node --import fastify-data-bridge/register server.js`, or `--require`. The environment says where they go, as for
 * every OpenTelemetry SDK: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, …
 *
 * @module
 */
import { configureTelemetry } from '../orm/telemetry/index.ts'

configureTelemetry()
