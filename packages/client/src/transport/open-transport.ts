import { ClientClosedError, ConfigurationError } from '../errors.js';
import { type FollowOptions, followCredentials } from './follow-credentials.js';
import { followingDispatcher } from './following-dispatcher.js';
import { FollowingHttpsAgent } from './following-https-agent.js';
import { openLines } from './lines.js';
import type { Line, Transport } from './transport.js';

/**
 * Reads no file and opens no connection before the first call.
 * @throws ConfigurationError when no server could ever be trusted
 */
export function openTransport(options: FollowOptions): Transport {
  if (!options.systemAuthorities && options.ca === undefined) {
    throw new ConfigurationError('Without `systemAuthorities`, `ca` must say which authorities are trusted instead.');
  }
  const lines = openLines();
  let isClosed = false;
  let httpsAgent: FollowingHttpsAgent | undefined;
  const credentials = followCredentials({
    ...options,
    onChange: ({ secureContext }) => httpsAgent?.use(secureContext),
  });

  async function newest() {
    if (isClosed) throw new ClientClosedError();
    const found = await credentials.newest();
    // It may have been closed meanwhile.
    if (isClosed) throw new ClientClosedError();
    return found;
  }

  async function acquire(): Promise<Line> {
    return lines.take(await newest());
  }

  return {
    acquire,
    async reload() {
      if (isClosed) throw new ClientClosedError();
      await credentials.reload();
    },
    dispatcher: followingDispatcher(acquire),
    httpsAgent() {
      httpsAgent ??= new FollowingHttpsAgent(async () => (await newest()).secureContext);
      return httpsAgent;
    },
    async close(timeoutMs) {
      isClosed = true;
      const closed = Promise.all([lines.close(), httpsAgent?.close()]);
      const late = setTimeout(() => {
        lines.destroy();
        httpsAgent?.destroy();
      }, timeoutMs);
      await closed;
      clearTimeout(late);
    },
  };
}
