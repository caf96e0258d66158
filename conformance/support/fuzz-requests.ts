// Requests that nobody should send: made from a seed, so that what fails once can be sent again. Whatever names an identity
// or a forged route of the request has `spoof` in it, and whatever hides a second request has `smuggled` in its path and no
// token, so that who receives bytes behind the gateway can tell.

export interface FuzzRequest {
  readonly method: string;
  /** One character a byte. */
  readonly bytes: string;
  /** Nothing more of it comes: an answer can not be waited for. */
  readonly isCut: boolean;
}

/** Uniform in [0, 1). */
export type Random = () => number;

/** Mulberry32: small, seeded, and good enough to choose by. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const identityNames = [
  'tollward-assertion',
  'tollward-refusal',
  'x-tollward-client',
  'x-trace-id',
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-client-cert',
  'x-real-ip',
  'x-client-ip',
  'x-client-id',
  'x-client-cert',
  'x-ssl-client-cert',
  'x-ssl-client-s-dn',
  'ssl-client-verify',
  'client-cert',
  'client-cert-chain',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method-override',
  'x-authenticated-user',
  'x-user-id',
  'x-remote-user',
  'remote-user',
  'x-auth-request-user',
  'x-2fa-approval',
  'one-time-token',
  'x-signature',
  'proxy-authorization',
  'cookie',
  'traceparent',
] as const;

const harmless = [
  'Accept: application/json',
  'Accept-Language: en-GB, de;q=0.5',
  'User-Agent: fuzz/1',
  'X-External-Correlation-Id: 7f0c8b52-3b9f-4b62-9a52-0d4f1d1c7a10',
  'X-idempotence-uuid: 7f0c8b52-3b9f-4b62-9a52-0d4f1d1c7a10',
  'If-None-Match: "x"',
  'Range: bytes=0-0',
  'Accept-Encoding: gzip, br',
] as const;

const methods = [
  'GET',
  'GET',
  'GET',
  'GET',
  'POST',
  'POST',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
] as const;
const oddMethods = ['TRACE', 'get', 'PURGE', 'G\x00T', 'GET\t', 'X'.repeat(300), 'PRI', 'M-SEARCH', ''] as const;

export interface FuzzOptions {
  readonly token: string;
  readonly random: Random;
}

/** The request of this number; its path has `m<number>` in it, wherever the path still has a meaning. */
export function makeFuzzRequest(number: number, { token, random }: FuzzOptions): FuzzRequest {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const chance = (probability: number): boolean => random() < probability;
  const word = (): string => Math.floor(random() * 2 ** 32).toString(36);

  // Most end their connection, and a handshake costs more than a request: the others try what is read and must not pass.
  const isRough = chance(0.15);
  const method = isRough && chance(0.2) ? pick(oddMethods) : pick(methods);
  const target = chance(0.7) ? `/v1/things/m${number}` : makeTarget(number, isRough, pick, word);
  const version =
    isRough && chance(0.1) ? pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', 'HTTP/1.1 ', '']) : 'HTTP/1.1';

  const lines: string[] = [];
  if (!isRough || chance(0.9)) lines.push(chance(0.03) ? 'Host: spoof.example:99999' : 'Host: localhost');
  const authorization = `Authorization: Bearer ${token}`;
  if (chance(0.93)) lines.push(authorization);
  else if (isRough) lines.push(authorization, authorization);
  else if (chance(0.5))
    lines.push(`Authorization: ${pick(['Bearer', 'Basic c3Bvb2Y6c3Bvb2Y=', 'bearer  ', 'Bearer spoof'])}`);
  while (chance(0.5)) lines.push(pick(harmless));
  while (chance(0.65)) lines.push(identityLine(isRough, pick, chance, word));
  if (chance(0.05)) lines.push(connectionLine(isRough, pick));
  if (isRough && chance(0.3)) lines.push(brokenLine(pick, word));
  if (isRough && chance(0.05)) lines.push(...Array.from({ length: 120 }, (_none, index) => `X-Many-${index}: spoof`));

  const { headers, body, isCut } = makeBody(method, isRough, pick, chance, word);
  lines.push(...headers);
  shuffle(lines, random);
  const end = isRough && chance(0.1) ? '\n' : '\r\n';
  const head = [`${method} ${target} ${version}`, ...lines].join(end);
  return { method, bytes: `${head}${end}${end}${body}`, isCut };
}

type Pick = <Item>(items: readonly Item[]) => Item;
type Chance = (probability: number) => boolean;
type Word = () => string;

function makeTarget(number: number, isRough: boolean, pick: Pick, word: Word): string {
  const marked = `m${number}`;
  const readable = [
    `/2026Q3/things/${marked}`,
    `/v1/things/${marked}?x=${word()}&y=%41`,
    `/v1/things/${marked}?access_token=hidden`,
    `/v1/things/${marked}/`,
    `/v1/things/%252e%252e%252fsmuggled`,
    `/v1/things/${marked};smuggled=1`,
    `/V1/Things/${marked}`,
    `/v1/things/${'x'.repeat(65)}`,
    '/internal/profiles/1',
    '/oauth/token',
    '/openapi.json',
    `/${word()}`,
  ];
  const unreadable = [
    `/v1/things/${marked}?a=b&a=c;d=e#spoof`,
    `/v1/things/${marked}?spoof=caf\xc3\xa9`,
    `/v1/things/${marked}/../../../internal/smuggled`,
    `/v1/things/%2e%2e/smuggled`,
    `/v1/things/..%2fsmuggled`,
    `/v1//things/${marked}`,
    `//spoof.example/v1/things/${marked}`,
    `/v1/things\\${marked}`,
    `/v1/things/${marked}%00smuggled`,
    `/v1/things/${marked}\x00smuggled`,
    `/v1/things/${marked}\tsmuggled`,
    `/v1/things/${marked} smuggled`,
    `/v1/things/caf\xc3\xa9`,
    `/v1/things/\xff\xfe`,
    `/v1/things/${'x'.repeat(20_000)}`,
    `http://spoof.example/v1/things/${marked}`,
    `https://localhost/v1/things/${marked}`,
    'spoof.example:443',
    '*',
    '',
    '?smuggled',
  ];
  return pick(isRough ? unreadable : readable);
}

/** A header that claims who calls, or from where, in some spelling. */
function identityLine(isRough: boolean, pick: Pick, chance: Chance, word: Word): string {
  const name = pick(identityNames);
  const readable = [
    name,
    name.toUpperCase(),
    name.replaceAll('-', '_'),
    name.replace('-', '_'),
    name.replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()),
    `HTTP_${name.replaceAll('-', '_').toUpperCase()}`,
  ];
  const unreadable = [`${name} `, ` ${name}`, `${name}\t`, `${name}\x00`, name.replaceAll('-', '\xad-')];
  const spelt = pick(isRough && chance(0.3) ? unreadable : readable);
  const value = pick([
    `spoof-${word()}`,
    `"spoof ${word()}"`,
    'spoof, spoof',
    `spoof${'y'.repeat(200)}`,
    'spoof\xe4\xf6',
  ]);
  return `${spelt}${chance(0.9) ? ': ' : ':'}${value}`;
}

function connectionLine(isRough: boolean, pick: Pick): string {
  const lasting = [
    'Connection: tollward-assertion',
    'Connection: keep-alive, x-trace-id, content-length',
    'Connection: transfer-encoding, host',
    'Keep-Alive: timeout=spoof',
    'Proxy-Connection: spoof',
    'TE: trailers, spoof',
    'Expect: 100-continue',
  ];
  const ending = [
    'Connection: close',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: c3Bvb2Y=',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: spoof',
    'Expect: spoof',
  ];
  return pick(isRough ? ending : lasting);
}

function brokenLine(pick: Pick, word: Word): string {
  return pick([
    `X-Folded: a\r\n ${word()} spoof`,
    'X-Nul: spoof\x00',
    'X-Bare\rCR: spoof',
    'no colon at all',
    ': spoof',
    'X-Long: '.padEnd(17_000, 'z'),
    'X-Umlaut: spo\xf6f',
    '\x7f: spoof',
    'Host: spoof.example',
    'Content-Type: application/json\r\nContent-Type: text/spoof',
  ]);
}

interface FuzzBody {
  readonly headers: readonly string[];
  readonly body: string;
  readonly isCut: boolean;
}

const smuggled = 'GET /v1/things/smuggled HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: spoof\r\n\r\n';

function makeBody(method: string, isRough: boolean, pick: Pick, chance: Chance, word: Word): FuzzBody {
  const isWhole = (headers: readonly string[], body: string): FuzzBody => ({ headers, body, isCut: false });
  if (method !== 'POST' && method !== 'PUT' && method !== 'PATCH' && chance(0.9)) return isWhole([], '');
  const text = JSON.stringify({ word: word(), filled: 'b'.repeat(pick([0, 10, 100, 1_000, 3_500])) });
  const sized = [`Content-Length: ${text.length}`];
  const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;
  const chunked = ['Transfer-Encoding: chunked'];
  const trailers = 'Tollward-Assertion: spoof\r\nX-Forwarded-For: spoof\r\n';
  if (!isRough) {
    return pick([
      isWhole(sized, text),
      isWhole(sized, text),
      isWhole(chunked, `${chunk(text)}0\r\n\r\n`),
      isWhole(chunked, `${chunk(text)}${chunk(word())}0\r\n${trailers}\r\n`),
      isWhole([...sized, 'Expect: 100-continue'], text),
    ]);
  }
  return pick<() => FuzzBody>([
    () => isWhole(chunked, `${text.length.toString(16)};spoof=1;x="y"\r\n${text}\r\n0\r\n\r\n`),
    () => isWhole(chunked, `0\r\n\r\n${smuggled}`),
    () => isWhole(chunked, `5\r\nabc\r\n0\r\n\r\n${smuggled}`),
    () => isWhole(chunked, `fffffffffffffffff\r\n${smuggled}`),
    () => isWhole(chunked, `-1\r\n${smuggled}0\r\n\r\n`),
    () => isWhole(chunked, `0x5\r\nabcde\r\n0\r\n\r\n${smuggled}`),
    () => isWhole(chunked, `5\nabcde\n0\n\n${smuggled}`),
    () => isWhole([...sized, ...chunked], `0\r\n\r\n${smuggled}`),
    () => isWhole([...chunked, 'Content-Length: 4'], `0\r\n\r\n${smuggled}`),
    () => isWhole(['Content-Length: 0', `Content-Length: ${smuggled.length}`], smuggled),
    () => isWhole([`Content-Length: 0, ${smuggled.length}`], smuggled),
    () => isWhole(['Content-Length: +2'], `{}${smuggled}`),
    () => isWhole(['Content-Length: 0x2'], `{}${smuggled}`),
    () => isWhole(['Content-Length: 2 '], `{}${smuggled}`),
    () => isWhole(['Content-Length: -1'], smuggled),
    () => isWhole(['Content-Length: 99999999999999999999'], smuggled),
    () => isWhole(['Content-Length : 2'], `{}${smuggled}`),
    () => isWhole(['Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`),
    () => isWhole(['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${smuggled}`),
    () => isWhole(['Transfer-Encoding: identity, chunked'], `0\r\n\r\n${smuggled}`),
    () => isWhole(['Transfer-Encoding:\x0bchunked'], `0\r\n\r\n${smuggled}`),
    () => isWhole(['Transfer_Encoding: chunked', 'Content-Length: 5'], `0\r\n\r\n${smuggled}`),
    () => isWhole([...chunked, ...chunked], `0\r\n\r\n${smuggled}`),
    () => isWhole(['Content-Length: 2'], `{}${smuggled}`),
    () => isWhole([], smuggled),
    () => ({ headers: ['Content-Length: 500'], body: text.slice(0, 100), isCut: true }),
    () => ({ headers: chunked, body: chunk(text).slice(0, -3), isCut: true }),
    () => isWhole(['Content-Length: 5000'], 'b'.repeat(5_000)),
    () => isWhole(chunked, `${chunk('b'.repeat(5_000))}0\r\n\r\n`),
    () => isWhole(['Content-Length: 2', 'Expect: 100-continue'], '{}'),
  ])();
}

function shuffle(lines: string[], random: Random): void {
  for (let index = lines.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    const [one = '', two = ''] = [lines[index], lines[other]];
    lines[index] = two;
    lines[other] = one;
  }
}
