import {
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
  type SpanOptions,
  type SpanStatus,
  SpanStatusCode,
  type TimeInput,
  TraceFlags,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';

/** A span as a collector would see it. */
export interface SeenSpan {
  readonly name: string;
  readonly options: SpanOptions;
  readonly id: string;
  readonly traceId: string;
  readonly parentId: string | undefined;
  readonly attributes: Attributes;
  status: SpanStatus;
  endedAt: TimeInput | undefined;
}

/** A tracer provider that keeps what an SDK would export: the spans that have ended. */
export interface MemoryTracerProvider extends TracerProvider {
  readonly ended: readonly SeenSpan[];
  clear(): void;
}

export function createMemoryTracerProvider(): MemoryTracerProvider {
  const ended: SeenSpan[] = [];
  let made = 0;
  const startSpan = (name: string, options: SpanOptions = {}, context?: Context): Span => {
    made += 1;
    const parent = context && trace.getSpanContext(context);
    const seen: SeenSpan = {
      name,
      options,
      id: made.toString(16).padStart(16, '0'),
      traceId: parent?.traceId ?? made.toString(16).padStart(32, '0'),
      parentId: parent?.spanId,
      attributes: { ...options.attributes },
      status: { code: SpanStatusCode.UNSET },
      endedAt: undefined,
    };
    const spanContext: SpanContext = { traceId: seen.traceId, spanId: seen.id, traceFlags: TraceFlags.SAMPLED };
    const span: Span = {
      spanContext: () => spanContext,
      isRecording: () => seen.endedAt === undefined,
      setAttribute: (key, value) => {
        seen.attributes[key] = value;
        return span;
      },
      setAttributes: (attributes) => {
        Object.assign(seen.attributes, attributes);
        return span;
      },
      setStatus: (status) => {
        seen.status = status;
        return span;
      },
      end: (at) => {
        seen.endedAt = at ?? 0;
        ended.push(seen);
      },
      addEvent: notUsed,
      addLink: notUsed,
      addLinks: notUsed,
      updateName: notUsed,
      recordException: notUsed,
    };
    return span;
  };
  return { ended, clear: () => void ended.splice(0), getTracer: () => ({ startSpan, startActiveSpan: notUsed }) };
}

/** What Tollward does not ask of a tracer, so that a test shows it when that changes. */
function notUsed(): never {
  throw new Error('this part of the OpenTelemetry API is not expected here');
}
