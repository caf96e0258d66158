import type { RefusalCode } from '@tollward/protocol';
import { catalogue, publicText } from '../refusals/index.js';

/** What the catalogue says of a refusal, with its places filled. */
export function refusalText(code: RefusalCode, parameters: Readonly<Record<string, string>>): string {
  return publicText(catalogue[code].text, parameters);
}
