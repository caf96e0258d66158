// The part of HTTP/1.1 a load generator needs (RFC 9112, sections 4 and 6.2): one answer at a time, framed by Content-Length.
// Anything else is a fault of the measured server or of the bench, so it throws.

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

const HEAD_END = '\r\n\r\n';
const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) /;
const CONTENT_LENGTH = /\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n/i;

export class ResponseReader {
  #pending: Buffer | undefined;

  /** Takes the next bytes of the connection. Returns the answer once it is complete. */
  push(chunk: Buffer): HttpAnswer | undefined {
    const bytes = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd === -1) {
      this.#pending = bytes;
      return undefined;
    }
    const bodyStart = headEnd + HEAD_END.length;
    const head = bytes.toString('latin1', 0, bodyStart);
    const status = STATUS_LINE.exec(head)?.[1];
    const length = CONTENT_LENGTH.exec(head)?.[1];
    if (status === undefined) throw new Error('the answer is not HTTP/1.1');
    if (length === undefined) throw new Error(`the answer with status ${status} has no Content-Length`);
    const bodyEnd = bodyStart + Number(length);
    if (bytes.length > bodyEnd) throw new Error('bytes follow the answer although nothing more was asked');
    if (bytes.length < bodyEnd) {
      this.#pending = bytes;
      return undefined;
    }
    this.#pending = undefined;
    return { status: Number(status), body: bytes.subarray(bodyStart) };
  }
}
