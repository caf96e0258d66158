// Where Tollward itself answers, in both spellings. Some are not there yet, and shall not be taken then.

import { calendarVersion, parsePathTemplate, pathsOverlap } from './path-template.js';

const ownPaths = ['/v1/authenticated/playground', `/${calendarVersion}/authenticated/playground`, '/openapi.json'];
const ownFolders = ['/oauth/', `/${calendarVersion}/oauth/`, '/.well-known/'];

/** What of our own is at a path, or could be where the path has parameters: a path, or `below` a folder. */
export function findOwnPlace(path: string): string | undefined {
  const folder = ownFolders.find((prefix) => `${path}/`.startsWith(prefix));
  if (folder !== undefined) return `below ${folder}`;
  const segments = parsePathTemplate(path);
  if (typeof segments === 'string') return undefined;
  return ownPaths.find((own) => {
    const taken = parsePathTemplate(own);
    return typeof taken !== 'string' && pathsOverlap(taken, segments);
  });
}
