// One undici agent for each certificate in use: a connection keeps the certificate that it was opened with.

import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { Agent } from 'undici';
import { ClientClosedError } from '../errors.js';
import type { Credentials } from './load-credentials.js';
import { openConnector } from './open-connector.js';
import type { Line } from './transport.js';

export interface Lines {
  /** The agent of these credentials. The one before is closed after the last line of it was released. */
  take(credentials: Credentials): Line;
  /** Resolves when all lines were released and all connections are closed. */
  close(): Promise<void>;
  /** Breaks all connections, those of calls under way too. */
  destroy(): void;
}

interface OpenAgent {
  readonly agent: Agent;
  readonly secureContext: SecureContext;
  readonly sockets: ReadonlySet<Socket>;
  holders: number;
  isReplaced: boolean;
  readonly closed: Promise<void>;
  readonly onClosed: () => void;
}

export function openLines(): Lines {
  const open = new Set<OpenAgent>();
  let newest: OpenAgent | undefined;

  function add(secureContext: SecureContext): OpenAgent {
    const sockets = new Set<Socket>();
    const agent = new Agent({ connect: openConnector(secureContext, sockets) });
    let onClosed = () => {};
    const closed = new Promise<void>((resolve) => {
      onClosed = resolve;
    });
    const added = { agent, secureContext, sockets, holders: 0, isReplaced: false, closed, onClosed };
    open.add(added);
    return added;
  }

  function replace(old: OpenAgent | undefined): void {
    if (old === undefined) return;
    old.isReplaced = true;
    closeWhenUnused(old);
  }

  function closeWhenUnused(old: OpenAgent): void {
    if (!open.has(old) || !old.isReplaced || old.holders > 0) return;
    void old.agent.close().then(() => forget(old));
  }

  function forget(old: OpenAgent): void {
    open.delete(old);
    old.onClosed();
  }

  return {
    take({ secureContext, certificate }) {
      if (newest?.secureContext !== secureContext) {
        replace(newest);
        newest = add(secureContext);
      }
      const held = newest;
      held.holders += 1;
      let isReleased = false;
      return {
        dispatcher: held.agent,
        certificate,
        thumbprint: certificate?.thumbprint ?? null,
        release() {
          if (isReleased) return;
          isReleased = true;
          held.holders -= 1;
          closeWhenUnused(held);
        },
      };
    },
    async close() {
      replace(newest);
      newest = undefined;
      await Promise.all(Array.from(open, ({ closed }) => closed));
    },
    destroy() {
      for (const old of open) {
        forget(old);
        const reason = new ClientClosedError();
        void old.agent.destroy(reason);
        // It leaves those alone that are not connected yet.
        for (const socket of old.sockets) socket.destroy(reason);
      }
    },
  };
}
