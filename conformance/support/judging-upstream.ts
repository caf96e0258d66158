// An upstream with a reader of its own, as strict as can be, that judges what the gateway lets through. It answers 200 to all
// that it can read.

import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface ReceivedRequest {
  readonly method: string;
  readonly target: string;
  /** Names in lower case, values as they came. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** As the bytes came, one character each. */
  readonly head: string;
}

export interface JudgingUpstream {
  readonly url: string;
  /** Bytes that are no request by RFC 9112 as its strictest reader has it. */
  readonly violations: readonly string[];
  readonly count: number;
  close(): Promise<void>;
}

const requestLine = /^(GET|HEAD|POST|PUT|PATCH|DELETE) (\/[\x21-\x7e]*) HTTP\/1\.1$/;
const headerLine =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*$/;

/** @param onRequest is told of each request, before its body */
export async function startJudgingUpstream(onRequest: (request: ReceivedRequest) => void): Promise<JudgingUpstream> {
  const violations: string[] = [];
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => undefined);
    let unread = '';
    let body: BodyReader | undefined;
    const step = (): boolean => {
      if (body !== undefined) {
        const rest = body(unread);
        if (rest === undefined) return false;
        unread = rest;
        body = undefined;
        return true;
      }
      const end = unread.indexOf('\r\n\r\n');
      if (end < 0) return false;
      const request = parseRequest(unread.slice(0, end));
      unread = unread.slice(end + 4);
      count += 1;
      onRequest(request);
      body = bodyReaderOf(request);
      socket.write(
        `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n${request.method === 'HEAD' ? '' : '{}'}`,
      );
      return true;
    };
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      unread += chunk;
      try {
        while (step());
      } catch (error) {
        violations.push(String(error));
        socket.destroy();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    violations,
    get count() {
      return count;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** @returns what follows the body; undefined: it is not whole yet */
type BodyReader = (unread: string) => string | undefined;

function parseRequest(head: string): ReceivedRequest {
  const [first = '', ...lines] = head.split('\r\n');
  const [, method, target] = requestLine.exec(first) ?? [];
  if (method === undefined || target === undefined) throw new Error(`no request line: ${JSON.stringify(first)}`);
  const headers = lines.map((line) => {
    const [, name, value] = headerLine.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error(`no header line: ${JSON.stringify(line)}`);
    return [name.toLowerCase(), value] as const;
  });
  return { method, target, headers, head };
}

function bodyReaderOf({ headers }: ReceivedRequest): BodyReader | undefined {
  const valuesOf = (name: string): string[] => headers.filter(([known]) => known === name).map(([, value]) => value);
  const lengths = valuesOf('content-length');
  const encodings = valuesOf('transfer-encoding');
  if (lengths.length + encodings.length > 1) throw new Error('the length of the body is said twice');
  const [length] = lengths;
  if (length !== undefined) {
    if (!/^\d{1,15}$/.test(length)) throw new Error(`no length: ${length}`);
    return (unread) => (unread.length < Number(length) ? undefined : unread.slice(Number(length)));
  }
  if (encodings.length === 0) return undefined;
  if (encodings[0] !== 'chunked') throw new Error(`an encoding: ${encodings[0]}`);
  return skipChunks;
}

function skipChunks(unread: string): string | undefined {
  let place = 0;
  for (;;) {
    const end = unread.indexOf('\r\n', place);
    if (end < 0) return undefined;
    const size = unread.slice(place, end);
    if (!/^[0-9a-fA-F]{1,8}$/.test(size)) throw new Error(`no chunk size: ${JSON.stringify(size)}`);
    const after = end + 2 + Number.parseInt(size, 16);
    if (unread.length < after + 2) return undefined;
    // After the last chunk too: nothing may follow it, since trailers end at the gateway.
    if (unread.slice(after, after + 2) !== '\r\n') throw new Error('a chunk that does not end where it says');
    place = after + 2;
    if (/^0+$/.test(size)) return unread.slice(place);
  }
}
