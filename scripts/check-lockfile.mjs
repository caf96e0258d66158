// Fails if a locked package refuses Node 20.19, the oldest version we support. `engine-strict` compares with the Node
// that happens to run the installation, which may be newer.
import { readFileSync } from 'node:fs';

const oldest = [20, 19, 0];

function compare(left, right) {
  const different = left.findIndex((part, index) => part !== right[index]);
  return different === -1 ? 0 : left[different] - right[different];
}

/** `>=1.2`, `^1.2.3`, `~1.2`, `20`, `10.x`, `*`: the forms that `engines` fields use. */
function accepts(comparator) {
  const match = /^(>=|<=|>|<|\^|~|=)?v?(\*|[\dx]+)(?:\.([\dx*]+))?(?:\.([\dx*]+))?$/.exec(comparator);
  if (match === null) throw new Error(`check-lockfile does not understand "${comparator}"`);
  const [, operator = '=', ...parts] = match;
  const given = parts
    .slice(0, 3)
    .filter((part) => part !== undefined && /^\d+$/.test(part))
    .map(Number);
  const version = [...given, 0, 0, 0].slice(0, 3);
  const order = compare(oldest, version);
  const sameUpTo = (count) => given.slice(0, count).every((part, index) => part === oldest[index]);
  if (operator === '>=') return order >= 0;
  if (operator === '<=') return order <= 0 || sameUpTo(3);
  if (operator === '>') return order > 0 && !sameUpTo(given.length);
  if (operator === '<') return order < 0;
  if (operator === '^') return order >= 0 && sameUpTo(1);
  if (operator === '~') return order >= 0 && sameUpTo(2);
  return sameUpTo(3);
}

const acceptsAll = (range) =>
  range
    .trim()
    .replaceAll(/([<>=^~])\s+/g, '$1')
    .split(/\s+/)
    .every((part) => part === '' || accepts(part));

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const refusing = Object.entries(packages).filter(
  ([, { engines }]) => engines?.node !== undefined && !engines.node.split('||').some(acceptsAll),
);
for (const [path, { version, engines }] of refusing) {
  console.error(`${path} ${version} needs Node ${engines.node}, which excludes ${oldest.join('.')}`);
}
if (refusing.length > 0) process.exitCode = 1;
else console.log(`All ${Object.keys(packages).length} locked packages accept Node ${oldest.join('.')}.`);
