import type { Socket } from 'node:net';

const lingerMs = 5_000;

/**
 * Ends a connection when what was written has left. Node's own `end` waits for the peer to close its side, and a peer need
 * not: nor need it read, so the wait for the rest has an end too.
 */
export function closeSoon(socket: Socket): void {
  if (socket.destroyed) return;
  const cut = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once('close', () => clearTimeout(cut));
  socket.destroySoon();
}
