// The part of HTTP/1.1 a load generator needs (RFC 9112, sections 4 and 6.2): one answer at a time, framed by Content-Length.
// Anything else is a fault of the measured server or of the bench, so it throws.

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

interface AnswerHead {
  readonly status: number;
  /** Length of the head itself, its empty line included. */
  readonly headBytes: number;
  readonly bodyBytes: number;
}

const HEAD_END = '\r\n\r\n';
const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) /;
const CONTENT_LENGTH = /\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n/i;

/** Undefined until the head of the answer is complete. */
export function parseAnswerHead(bytes: Buffer): AnswerHead | undefined {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd === -1) return undefined;
  const headBytes = headEnd + HEAD_END.length;
  const head = bytes.toString('latin1', 0, headBytes);
  const status = STATUS_LINE.exec(head)?.[1];
  const length = CONTENT_LENGTH.exec(head)?.[1];
  if (status === undefined) throw new Error('the answer is not HTTP/1.1');
  if (length === undefined) throw new Error(`the answer with status ${status} has no Content-Length`);
  return { status: Number(status), headBytes, bodyBytes: Number(length) };
}

export class ResponseReader {
  #pending: Buffer | undefined;

  /** Takes the next bytes of the connection. Returns the answer once it is complete. */
  push(chunk: Buffer): HttpAnswer | undefined {
    const bytes = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    const head = parseAnswerHead(bytes);
    const answerBytes = head === undefined ? Number.POSITIVE_INFINITY : head.headBytes + head.bodyBytes;
    if (bytes.length > answerBytes) throw new Error('bytes follow the answer although nothing more was asked');
    if (head === undefined || bytes.length < answerBytes) {
      this.#pending = bytes;
      return undefined;
    }
    this.#pending = undefined;
    return { status: head.status, body: bytes.subarray(head.headBytes) };
  }
}
