import { createManagementSurface } from '../surfaces/management/management-surface.js';
import type { TestServer } from './test-server.js';

export interface ManagementQuestion {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly body?: object;
}

export interface ManagementAnswer {
  readonly status: number;
  readonly text: string;
}

/** Asks the management API of `server`, without the socket that it is reached by. */
export async function askManagement(
  { core, time }: TestServer,
  { method, path, body }: ManagementQuestion,
): Promise<ManagementAnswer> {
  const surface = createManagementSurface({
    ...core,
    clients: core.standing,
    status: async () => {
      throw new Error('no test asks for the status');
    },
    clock: () => time.now,
  });
  try {
    const { statusCode, body: text } = await surface.inject({
      method,
      url: path,
      ...(body === undefined ? {} : { payload: body }),
    });
    return { status: statusCode, text };
  } finally {
    await surface.close();
  }
}
