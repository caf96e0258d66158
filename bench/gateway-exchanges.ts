// What the API behind the gateways is asked, and how much it says. policy.yaml has the same routes.

import type { HttpExchange } from './load-plan.js';

const BYTES_PER_MEBIBYTE = 1024 * 1024;
const SMALL_BODY_BYTES = 1024;

/** A JSON body of 1 kB, for either way. */
export const SMALL_BODY = JSON.stringify('x'.repeat(SMALL_BODY_BYTES - 2));

/** Credentials are added by the generator. */
export const ratesExchange: HttpExchange = {
  method: 'GET',
  path: '/v1/rates',
  headers: { accept: 'application/json' },
  body: '',
};
export const quotesExchange: HttpExchange = {
  method: 'POST',
  path: '/v1/quotes',
  headers: { accept: 'application/json', 'content-type': 'application/json' },
  body: SMALL_BODY,
};

export const STREAM_PATH = '/v1/stream';
export const STREAM_MEBIBYTES = 256;
export const STREAM_BYTES = STREAM_MEBIBYTES * BYTES_PER_MEBIBYTE;
export const STREAM_CHUNK = Buffer.alloc(64 * 1024, 'stream');
