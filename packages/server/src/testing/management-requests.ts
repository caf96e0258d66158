// Requests to a management API as tests send them, and what they expect of an answer that is no success.

import { expect } from 'vitest';
import type { z } from 'zod';
import type { clientDetailsSchema, createdClientSchema } from '../surfaces/management/schemas/clients.js';
import type { HeldClient } from './capabilities.js';
import type { TestManagement } from './management.js';

export type ClientOnTheWire = z.input<typeof clientDetailsSchema>;
type Method = 'GET' | 'POST' | 'PATCH';
type Answer = Awaited<ReturnType<TestManagement['surface']['inject']>>;

/** @param managementOf is asked at each request, because tests open their API in a hook */
export function requestsTo(managementOf: () => TestManagement) {
  let names = 0;

  const send = async (method: Method, url: string, payload?: object): Promise<Answer> =>
    managementOf().surface.inject({ method, url, ...(payload && { payload }) });
  const post = (url: string, payload?: object) => send('POST', url, payload);
  const get = (url: string) => send('GET', url);

  return {
    post,
    get,
    patch: (url: string, payload: object) => send('PATCH', url, payload),

    /** A client of sandbox without mutual TLS, unless it is told otherwise. */
    aClient: async (changes: object = {}): Promise<HeldClient> => {
      names += 1;
      const body = { environment: 'sandbox', organisation: 'Test Bank', name: `client ${names}`, mtlsRequired: false };
      const response = await post('/clients', { ...body, ...changes });
      // What is done to it next is later than its creation, as it is outside of tests.
      managementOf().time.now += 1;
      const { client, secret } = response.json<z.input<typeof createdClientSchema>>();
      return { clientId: client.id, secretId: client.secrets[0]?.id ?? '', secret };
    },

    shown: async (clientId: string): Promise<ClientOnTheWire> =>
      (await get(`/clients/${clientId}`)).json<ClientOnTheWire>(),

    expectInvalid: async (method: Method, url: string, payload?: object): Promise<void> =>
      expectProblem(await send(method, url, payload), 400, 'validation_failed'),

    isoAfter: (ms: number): string => new Date(managementOf().time.now + ms).toISOString(),
  };
}

export function expectProblem(response: Answer, status: number, code: string, detail: RegExp = /\w/): void {
  expect(response.json()).toEqual({
    type: 'about:blank',
    title: expect.stringMatching(/\w/),
    status,
    code,
    detail: expect.stringMatching(detail),
  });
  expect(response.statusCode).toBe(status);
  expect(response.headers['content-type']).toContain('application/problem+json');
}
