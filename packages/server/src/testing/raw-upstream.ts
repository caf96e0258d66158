// An upstream of which a test decides every byte, and sees every byte that it gets.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface UpstreamConnection {
  /** Everything that came so far, one character a byte. */
  received(): string;
  /** Resolves when `pattern` came. @throws when the connection ends without it */
  until(pattern: RegExp): Promise<void>;
  /** One character a byte. */
  write(bytes: string): void;
  /** Answers with a status and a body of this length. */
  answer(status: number, body: string, ...headers: readonly string[]): void;
  end(): void;
  /** Ends it with a reset. */
  reset(): void;
  /** How many bytes wait to be taken by the other side. */
  unsent(): number;
  pause(): void;
  resume(): void;
  /** Resolves when the other side has ended it. */
  readonly closed: Promise<void>;
}

export interface RawUpstream {
  readonly url: string;
  /** On how many connections something came, since they were last ended. */
  readonly count: number;
  /** The next connection on which something comes, in their order. */
  next(): Promise<UpstreamConnection>;
  /** Ends the open connections; resolves when the other side has ended them too, and so uses them no more. */
  endConnections(): Promise<void>;
  close(): Promise<void>;
}

export async function startRawUpstream(): Promise<RawUpstream> {
  const waiting: ((connection: UpstreamConnection) => void)[] = [];
  const arrived: UpstreamConnection[] = [];
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const connection = watch(socket);
    // Whoever connects may think better of it.
    socket.once('data', () => {
      count += 1;
      const next = waiting.shift();
      if (next === undefined) arrived.push(connection);
      else next(connection);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    get count() {
      return count;
    },
    next: () => {
      const connection = arrived.shift();
      return connection === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(connection);
    },
    endConnections: async () => {
      arrived.length = 0;
      count = 0;
      waiting.length = 0;
      await Promise.all(
        [...sockets].map(async (socket) => {
          const closed = once(socket, 'close');
          socket.resume().end();
          await closed;
        }),
      );
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function watch(socket: Socket): UpstreamConnection {
  let received = '';
  const looks = new Set<() => void>();
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
    for (const look of looks) look();
  });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('end', resolve).once('close', () => resolve()));
  const write = (bytes: string): void => void socket.write(bytes, 'latin1');
  return {
    received: () => received,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(received)) return;
          looks.delete(look);
          resolve();
        };
        looks.add(look);
        look();
        void closed.then(() => reject(new Error(`closed without ${pattern} after: ${received}`)));
      }),
    write,
    answer: (status, body, ...headers) =>
      write([`HTTP/1.1 ${status} X`, `Content-Length: ${body.length}`, ...headers, '', body].join('\r\n')),
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
    unsent: () => socket.writableLength,
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    closed,
  };
}
