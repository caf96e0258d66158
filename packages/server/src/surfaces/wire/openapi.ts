// GET /openapi.json: the wire surface of this environment as OpenAPI 3.1, with the policy that is in force. For anybody, on
// both listeners. Written when it is first asked for, and again after the policy was replaced.

import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Environment } from '@tollward/protocol';
import { openWireDescription, type Policy } from '../../gateway/index.js';
import type { Answer, ListenerName, Route } from './exchange.js';
import { describeWireSurface } from './openapi/document.js';

export interface OpenApiDependencies {
  /** As partners reach the listener. */
  readonly urlOf: (environment: Environment, listener: ListenerName) => string;
  readonly policies: { of(environment: Environment): { readonly policy: DescribedPolicy } };
}

type DescribedPolicy = Pick<Policy, 'routes'>;

interface Written {
  readonly policy: DescribedPolicy;
  readonly etag: string;
  readonly plain: Answer;
  readonly packed: Answer;
  readonly unchanged: Answer;
}

export function createOpenApiRoute({ urlOf, policies }: OpenApiDependencies): Route {
  const describe = openWireDescription();
  const written = new Map<Environment, Written>();

  const write = (environment: Environment, policy: DescribedPolicy): Written => {
    const servers = [
      { url: urlOf(environment, 'api'), description: 'Without a client certificate' },
      { url: urlOf(environment, 'api-mtls'), description: 'With a client certificate' },
    ];
    const document = describeWireSurface({ policy, description: describe(), servers });
    return { policy, ...answersOf(Buffer.from(JSON.stringify(document))) };
  };

  return {
    method: 'GET',
    takesHead: true,
    handle: ({ environment, request }, { acceptsGzip }) => {
      const { policy } = policies.of(environment);
      let current = written.get(environment);
      if (current?.policy !== policy) {
        current = write(environment, policy);
        written.set(environment, current);
      }
      // Not a field of the head, which every other request would pay for.
      const known = request.headers['if-none-match'] ?? '';
      if (known.split(',').some((tag) => tag.trim() === current.etag)) return current.unchanged;
      return acceptsGzip ? current.packed : current.plain;
    },
  };
}

function answersOf(text: Buffer): Omit<Written, 'policy'> {
  // Weak: packed or not, it is the same document (RFC 9110 section 8.8.1).
  const etag = `W/"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  const headers = ['etag', etag, 'cache-control', 'max-age=300', 'vary', 'accept-encoding'];
  const plain = { status: 200, body: text, headers };
  return {
    etag,
    plain,
    packed: { status: 200, body: gzipSync(text), headers: [...headers, 'content-encoding', 'gzip'] },
    // With the length of what is not sent, as for HEAD (RFC 9110 section 8.6): Node leaves the body out.
    unchanged: { ...plain, status: 304 },
  };
}
