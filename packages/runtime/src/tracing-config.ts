import { z } from 'zod';

const url = () => z.string().regex(/^https?:\/\/./, 'must be an http:// or https:// URL');

/**
 * The standard variables of OpenTelemetry that are read here. The exporter itself reads those for headers, certificates
 * and its time-out.
 */
export const tracingConfig = z.object({
  /** `true` turns tracing off, whatever else is set. */
  OTEL_SDK_DISABLED: z.stringbool('must be true or false').optional(),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none'], 'must be otlp or none').optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url().optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url().optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z
    .enum(['http/protobuf', 'http/json'], 'must be http/protobuf or http/json, which collectors accept on port 4318')
    .optional(),
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_TRACES_SAMPLER: z
    .enum([
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ])
    .optional(),
  /** Share of the traces that begin here which is sampled, from 0 to 1. */
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number('must be a number from 0 to 1').min(0).max(1).optional(),
  /** Longest time that ended spans wait for others before they are sent together, in ms. */
  OTEL_BSP_SCHEDULE_DELAY: z.coerce.number('must be a number of milliseconds').int().min(0).optional(),
});

export type TracingConfig = z.output<typeof tracingConfig>;
