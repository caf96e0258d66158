// The body of a request on its way to an upstream. A connection to the upstream is taken only when the body is whole or more
// than a little of it is there, so that callers who send slowly hold few of them.

import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { RequestHead } from './request-head.js';

export interface BodyListener {
  /** The whole body, or what there is and will be. */
  onBody(body: Buffer | StreamedBody): void;
  /** More came than is allowed. */
  onTooLarge(): void;
}

/** Asks for the body and waits until there is enough of it. One with a length comes whole when it is small. */
export function receiveBody(
  request: IncomingMessage,
  { contentLength }: Pick<RequestHead, 'contentLength'>,
  maximumBytes: number,
  listener: BodyListener,
): void {
  const hold = request.readableHighWaterMark;
  const look = (): void => {
    if (!request.complete && request.readableLength < hold) return;
    request.off('readable', look);
    if (request.readableLength > maximumBytes) return void listener.onTooLarge();
    const isWhole = request.complete && contentLength !== undefined;
    listener.onBody(isWhole ? readAll(request) : new StreamedBody(request, maximumBytes, () => listener.onTooLarge()));
  };
  if (request.complete) look();
  else request.on('readable', look);
}

function readAll(request: IncomingMessage): Buffer {
  const body: unknown = request.read();
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

/**
 * Not the request itself: who takes a body destroys it when it is no longer wanted, and with a request goes its connection,
 * on which the answer is still to be written.
 */
export class StreamedBody extends Readable {
  readonly #request: IncomingMessage;
  readonly #maximumBytes: number;
  readonly #onTooLarge: () => void;
  readonly #onData = (chunk: Buffer): void => this.#take(chunk);
  #received = 0;
  #isStarted = false;
  #isWanted = false;

  constructor(request: IncomingMessage, maximumBytes: number, onTooLarge: () => void) {
    super();
    this.#request = request;
    this.#maximumBytes = maximumBytes;
    this.#onTooLarge = onTooLarge;
    // Nobody may have taken it yet when its caller goes.
    this.on('error', () => undefined);
    request.once('close', () => {
      if (!request.readableEnded) this.destroy(new Error('the caller went away'));
    });
  }

  /** Whether it waits for the caller to send more. */
  isStarved(): boolean {
    return this.#isWanted && !this.#request.complete;
  }

  override _read(): void {
    this.#isWanted = true;
    if (!this.#isStarted) {
      // Not before: a stream that has ended already would be sent with its length.
      this.#isStarted = true;
      // An empty one ends when it is looked at.
      if (this.#request.readableEnded) return void this.push(null);
      this.#request.once('end', () => this.push(null)).on('data', this.#onData);
    }
    this.#request.resume();
  }

  #take(chunk: Buffer): void {
    this.#received += chunk.length;
    if (this.#received > this.#maximumBytes) {
      this.#request.pause();
      this.#onTooLarge();
      return;
    }
    this.#isWanted = this.push(chunk);
    if (!this.#isWanted) this.#request.pause();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#request.off('data', this.#onData);
    if (!this.#request.readableEnded) this.#request.pause();
    callback(error);
  }
}
