// Holds real exchanges against the OpenAPI description: what was sent and answered has to be described, and nothing of it
// may be missing there. The schemas are open for partners and closed here.

import type { Environment } from '@tollward/protocol';
import { type Call, type CallAnswer, call, type TestServer } from '@tollward/server/testing';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

interface Content {
  readonly [contentType: string]: { readonly schema: object };
}
interface Response {
  readonly $ref?: string;
  readonly content?: Content;
}
interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: object;
}
interface Operation {
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, Response>>;
  readonly 'x-tollward': { readonly refusals: Readonly<Record<string, readonly string[]>> };
}
interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

export interface Exchanged {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly answer: CallAnswer;
}

export interface Description {
  /** As `POST /oauth/token`. */
  readonly calls: readonly string[];
  /** The call that a request is, or undefined. */
  callOf(method: string, path: string): string | undefined;
  /** What the description says otherwise, or not at all. */
  findProblems(exchanged: Exchanged): readonly string[];
}

/** The description that `server` serves. */
export async function fetchDescription(server: TestServer, environment: Environment): Promise<Description> {
  return readDescription((await call(server, { environment, path: '/openapi.json' })).text);
}

/** Sends a call, and says what of it and of its answer is not as described. */
export async function callDescribed(server: TestServer, description: Description, { method = 'GET', ...rest }: Call) {
  const answer = await call(server, { method, ...rest });
  const code = answer.headers['x-refusal-code'];
  return { ...answer, code, problems: description.findProblems({ ...rest, method, answer }) };
}

function readDescription(text: string): Description {
  const document: OpenApi = JSON.parse(text);
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, strictTypes: false });
  addFormats.default(ajv);
  ajv.addKeyword('discriminator');
  ajv.addSchema({ $id: 'schemas', $defs: close(document.components['schemas'] ?? {}) });

  const problemsOf = (what: string, schema: object, value: unknown): readonly string[] => {
    const validate = ajv.compile(close(schema));
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${what}${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
  const bodyProblems = (what: string, content: Content, type: string | undefined, text: string): readonly string[] => {
    const [name = ''] = (type ?? '').split(';');
    const described = content[name.trim()];
    if (described === undefined) return [`${what} of type ${name}`];
    return name.includes('json') ? problemsOf(what, described.schema, JSON.parse(text)) : [];
  };
  const lookUp = <Described extends { readonly $ref?: string }>(described: Described): Described => {
    const [kind = '', name = ''] = described.$ref?.split('/').slice(2) ?? [];
    return { ...described, ...document.components[kind]?.[name] };
  };

  const operations = Object.entries(document.paths)
    .flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => {
        const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
        return { method: method.toUpperCase(), path, pattern, operation };
      }),
    )
    // What is written out wins over a parameter in its place.
    .sort((one, other) => one.path.split('{').length - other.path.split('{').length);
  const find = (method: string, path: string) =>
    operations.find((one) => one.method === method && one.pattern.test(path.split('?', 1)[0] ?? ''));

  const requestProblems = ({ parameters, requestBody }: Operation, exchanged: Exchanged): readonly string[] => {
    const { path, headers = {}, body } = exchanged;
    const query = new URL(path, 'https://any').searchParams;
    const described = parameters.map(lookUp);
    const inQuery = described.filter((one) => one.in === 'query');
    const problems = [...query.keys()]
      .filter((name) => !inQuery.some((one) => one.name === name))
      .map((name) => `a parameter ${name} in the query`);
    for (const { name, in: place, required } of described) {
      if (required !== true || place === 'path') continue;
      const sent = place === 'query' ? query.get(name) : headers[name.toLowerCase()];
      if (sent === null || sent === undefined) problems.push(`no ${name} in the ${place}`);
    }
    if (body === undefined || body === '') return problems;
    return [...problems, ...bodyProblems('a request body', requestBody?.content ?? {}, headers['content-type'], body)];
  };

  const answerProblems = (operation: Operation, { status, headers, text }: CallAnswer): readonly string[] => {
    const response = operation.responses[status] ?? operation.responses['default'];
    if (response === undefined) return [`an answer of ${status}`];
    const { content } = lookUp(response);
    const problems: string[] = [];
    const refusal = headers['x-refusal-code'];
    const listed = operation['x-tollward'].refusals[status] ?? [];
    if (typeof refusal === 'string' && !listed.includes(refusal)) problems.push(`the refusal ${refusal} at ${status}`);
    if (text === '') return content === undefined ? problems : [...problems, `an empty answer of ${status}`];
    const what = `an answer of ${status}`;
    return [...problems, ...bodyProblems(what, content ?? {}, headers['content-type'], text)];
  };

  return {
    calls: operations.map(({ method, path }) => `${method} ${path}`),
    callOf: (method, path) => {
      const found = find(method, path);
      return found && `${found.method} ${found.path}`;
    },
    findProblems: (exchanged) => {
      const { method, path, answer } = exchanged;
      const found = find(method, path);
      if (found === undefined) return [`${method} ${path} is not described`];
      const { operation } = found;
      const problems = [
        // What was refused may have been asked wrongly, and often is so on purpose.
        ...(answer.status < 400 ? requestProblems(operation, exchanged) : []),
        ...answerProblems(operation, answer),
      ];
      return problems.map((problem) => `${method} ${found.path}: not described: ${problem}`);
    },
  };
}

/** No member that is not described, where any are; and references as the validator has the schemas. */
function close<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value), (_name, part: unknown) => {
    if (typeof part !== 'object' || part === null) return part;
    if ('$ref' in part && typeof part.$ref === 'string') {
      return { $ref: part.$ref.replace('#/components/schemas/', 'schemas#/$defs/') };
    }
    const isObject = 'properties' in part && !('additionalProperties' in part);
    return isObject && isSchema(part) ? { ...part, unevaluatedProperties: false } : part;
  });
}

/** A list of members may have one that is called "properties". */
function isSchema(part: object): boolean {
  return 'type' in part && (typeof part.type === 'string' || Array.isArray(part.type));
}
