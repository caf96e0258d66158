import {
  type CallAnswer,
  type ClientIdentity,
  callPlayground,
  requestToken,
  type TestClient,
  type TestServer,
} from '@tollward/server/testing';

/** 200, or the code of the refusal. */
export type Outcome = 200 | string;

export function outcomeOf({ status, headers }: CallAnswer): Outcome {
  if (status === 200) return 200;
  return String(headers['x-refusal-code'] ?? status);
}

/** What `client` gets with this certificate: 200 when its token opens the playground too. */
export async function outcomeWith(
  server: TestServer,
  client: TestClient,
  identity: Pick<ClientIdentity, 'cert' | 'key'> | null = client.identity,
): Promise<Outcome> {
  const answer = await requestToken(server, client, { identity });
  if (answer.status !== 200) return outcomeOf(answer);
  return outcomeOf(await callPlayground(server, client, String(answer.json['access_token']), { identity }));
}
