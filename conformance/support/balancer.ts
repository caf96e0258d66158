// A balancer of TCP connections, as simple as they come: the next node in turn, and the one after it when that refuses.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Balancer {
  readonly port: number;
  close(): Promise<void>;
}

export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const sockets = new Set<Socket>();
  let turn = 0;

  const forward = (near: Socket, [port, ...others]: readonly number[]): void => {
    if (port === undefined) return void near.destroy();
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const refused = (): void => forward(near, others);
    far.once('error', refused);
    far.once('connect', () => {
      far.off('error', refused);
      sockets.add(far);
      far.on('error', () => near.destroy());
      far.on('close', () => {
        sockets.delete(far);
        near.destroy();
      });
      near.on('close', () => far.destroy());
      near.pipe(far).pipe(near);
    });
  };

  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) => {
    sockets.add(near);
    near.on('error', () => near.destroy());
    near.on('close', () => sockets.delete(near));
    turn = (turn + 1) % ports.length;
    forward(near, [...ports.slice(turn), ...ports.slice(0, turn)]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
