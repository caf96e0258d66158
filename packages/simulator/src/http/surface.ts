// HTTP. Fastify carries the requests; what is read of them and what is answered is decided here and in the routes.

import { STATUS_CODES } from 'node:http';
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { ReadCaller } from '../caller.js';
import type { World } from '../world.js';
import { type Answer, invalid, isRefusal, type Refusal, type RefusalShape } from './answers.js';
import type { Route } from './route.js';

export interface FaultyRequest {
  readonly method: string;
  readonly path: string;
  /** By which the gateway knows the request. */
  readonly traceId: string;
}

export interface SurfaceDependencies {
  readonly world: World;
  readonly readCaller: ReadCaller;
  readonly routes: readonly Route[];
  readonly onFault: (error: unknown, request: FaultyRequest) => void;
}

const maximumBodyBytes = 1024 * 1024;
const longestReason = 200;

export function createSurface({ world, readCaller, routes, onFault }: SurfaceDependencies): FastifyInstance {
  const surface = fastify({ logger: false, bodyLimit: maximumBodyBytes, frameworkErrors: answerError });
  // Bodies are read by the route, which knows what it expects.
  surface.removeAllContentTypeParsers();
  surface.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  for (const route of routes) {
    surface.route({
      method: route.method,
      url: route.path,
      handler: async (request, reply) => {
        const outcome = await outcomeOf(route, request);
        // No answer leaves before what it rests on is on disk, be it of this request or of another one.
        await world.settled();
        return send(reply, outcome, pathOf(request), world.now());
      },
    });
  }

  async function outcomeOf(route: Route, request: FastifyRequest): Promise<Answer | Refusal> {
    const caller = await readCaller(headerOf(request, 'tollward-assertion'));
    if ('problem' in caller) {
      return { refusal: caller.problem, status: 401, shape: { kind: 'status', message: 'The caller is not known' } };
    }
    const body = readBody(route, request);
    if (isRefusal(body)) return body;
    const { params, query } = request;
    const idempotenceKey = headerOf(request, 'x-idempotence-uuid');
    return route.handle({ params, query, body: body.json, idempotenceKey }, caller, world);
  }

  surface.setNotFoundHandler((request, reply) =>
    send(reply, statusRefusal(404, 'there is no such method and path'), pathOf(request), world.now()),
  );
  surface.setErrorHandler(answerError);

  function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
    const { statusCode: status = 500 } = error;
    const path = pathOf(request);
    if (status >= 500) {
      onFault(error, { method: request.method, path, traceId: headerOf(request, 'x-trace-id') ?? '' });
    }
    // Fastify's own texts can quote the request, so only its status is taken.
    const refusal =
      status < 500 ? `the request can not be read: ${error.code}` : 'a fault of the simulator: see its log';
    void send(reply, statusRefusal(status, refusal), path, world.now());
  }

  return surface;
}

function statusRefusal(status: number, refusal: string): Refusal {
  return { refusal, status, shape: { kind: 'status', message: STATUS_CODES[status] ?? 'Error' } };
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

function readBody({ bodyType }: Route, request: FastifyRequest): { readonly json: unknown } | Refusal {
  if (bodyType === undefined) return { json: undefined };
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() !== bodyType) {
    return statusRefusal(415, `the content type has to be ${bodyType}`);
  }
  const bytes = request.body instanceof Uint8Array ? request.body : new Uint8Array();
  try {
    return { json: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) };
  } catch {
    return invalid(null, 'NOT_VALID', 'the body is no JSON');
  }
}

function send(reply: FastifyReply, outcome: Answer | Refusal, path: string, now: number): FastifyReply {
  reply.code(outcome.status);
  if (!isRefusal(outcome)) {
    const { body, type = 'application/json' } = outcome;
    if (body === undefined) return reply.send();
    return reply.type(type).send(typeof body === 'string' ? body : JSON.stringify(body));
  }
  const { refusal, status, shape } = outcome;
  reply.header('tollward-refusal', refusal.slice(0, longestReason));
  if (shape.kind === 'code') return reply.type('text/plain').send(shape.code);
  return reply.type('application/json').send(JSON.stringify(refusalBody(shape, status, path, now)));
}

/** The shapes that the contract calls b and c. */
function refusalBody(
  shape: Exclude<RefusalShape, { kind: 'code' }>,
  status: number,
  path: string,
  now: number,
): object {
  const timestamp = new Date(now).toISOString().replace('Z', '+0000');
  if (shape.kind === 'errors') {
    return { timestamp, errors: shape.errors.map((error) => ({ ...error, arguments: [] })) };
  }
  const { error = STATUS_CODES[status] ?? 'Error', message } = shape;
  return { timestamp, status, error, message, path };
}
