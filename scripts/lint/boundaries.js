// Who may import whom. An oxlint plugin, because Biome's import rule cannot tell a type import from a runtime one and
// oxlint's own has no way to say "only index.js of that folder". Plain JavaScript: oxlint on Node 20 loads no TypeScript.
// boundaries.test.ts proves every rule with the real linter.
import { posix } from 'node:path';

const capabilities = [
  'audit',
  'certificates',
  'clients',
  'consent',
  'customers',
  'gateway',
  'identity',
  'jose-keys',
  'organisations',
  'personal-tokens',
  'refusals',
  'sca',
  'tokens',
  'usage',
  'webhooks',
];

// The layers of packages/server/src, and the layers each may import besides its own folder.
const layers = {
  platform: [],
  capability: ['platform', 'capability'],
  surface: ['platform', 'capability'],
  composition: ['platform', 'capability', 'surface', 'composition'],
  testing: ['platform', 'capability', 'surface', 'composition'],
  test: ['platform', 'capability', 'surface', 'composition', 'testing'],
};

const layerOfFolder = new Map([
  ['platform', 'platform'],
  ['surfaces', 'surface'],
  ['cli', 'composition'],
  ['dev', 'composition'],
  ['testing', 'testing'],
  ...capabilities.map((name) => [name, 'capability']),
]);

// Packages that only some files of packages/server/src may import. Tests and testing/ are free.
const serverPackages = [
  {
    packages: /^(fastify|fastify-.*|@fastify\/.*)$/,
    message: 'HTTP lives in surfaces/: nobody else imports Fastify',
    allows: ({ file }) => file.layer === 'surface',
  },
  {
    packages: /^(kysely|pg|@electric-sql\/pglite)(\/.*)?$/,
    message: 'platform/database owns the engines: elsewhere import types only, and `sql` of kysely in *-store.ts',
    allows: ({ file, specifier, isType, names }) =>
      isType ||
      file.path.startsWith('platform/database/') ||
      (specifier === 'kysely' && file.path.endsWith('-store.ts') && names.every((name) => name === 'sql')),
  },
  {
    packages: /^@tollward\/simulator$/,
    message: 'the simulator is a program of its own: start it, do not import it',
    allows: () => false,
  },
  {
    packages: /^undici$/,
    message: 'platform/upstreams owns the connections to upstreams: elsewhere import types only',
    allows: ({ file, isType }) => isType || file.path.startsWith('platform/upstreams/'),
  },
  {
    packages: /^yaml$/,
    message: 'gateway/policy/ reads YAML: nobody else imports yaml',
    allows: ({ file }) => file.path.startsWith('gateway/policy/'),
  },
  {
    packages: /^@peculiar\/x509$/,
    message: 'certificates/ owns X.509: nobody else imports @peculiar/x509',
    allows: ({ file }) => file.folder === 'certificates',
  },
  {
    packages: /^(node:)?https?2?$/,
    message: 'a capability knows no HTTP: node:http and node:https belong in surfaces/ and platform/',
    allows: ({ file }) => file.layer !== 'capability',
  },
];

// Packages that may import nothing but what is listed. Tests are free.
const closedPackages = {
  protocol: /^$/,
  client: /^(@tollward\/protocol(\/.*)?|jose|undici|node:.*)$/,
  // It stands for an upstream, which knows of us what the wire tells.
  simulator: /^(fastify|jose|zod|commander|node:.*)$/,
};

/** What the rules need to know of a file, from its path inside packages/server/src. */
function serverFile(path) {
  const [first = '', ...rest] = path.split('/');
  const folder = rest.length === 0 ? undefined : first;
  const isTest = path.endsWith('.test.ts');
  const home = folder === undefined ? 'composition' : layerOfFolder.get(folder);
  return { path, folder, home, layer: isTest ? 'test' : home };
}

function serverRelativeProblem(file, targetPath) {
  const target = serverFile(targetPath);
  if (target.home === undefined) return `${targetPath} is in a folder that scripts/lint/boundaries.js does not know`;
  if (target.folder === file.folder && file.folder !== undefined) return undefined;
  if (!layers[file.layer].includes(target.home)) return `${file.path} (${file.layer}) may not import ${target.home}`;
  const seesInside = layers[file.layer].includes('composition');
  if (target.home === 'capability' && !seesInside && targetPath !== `${target.folder}/index.js`) {
    return `a capability is called through its index.js: import ${target.folder}/index.js`;
  }
  return undefined;
}

function decideFileProblem(file, { specifier, isType }) {
  if (!/(^|\/)decide-[^/]*(?<!\.test)\.ts$/.test(file.path) || isType) return undefined;
  if (specifier === '@tollward/protocol' || /^\..*\/decide-[^/]*\.js$/.test(specifier)) return undefined;
  return 'a decide-* file is pure: it imports types, @tollward/protocol and other decide-* files';
}

/**
 * @param filename absolute path of the importing file
 * @param imported { specifier, isType, names }: the names are those that exist at runtime
 * @returns the reason why the import is not allowed, or undefined
 */
function importProblem(filename, imported) {
  const match = /^.*\/packages\/([^/]+)\/src\/(.+)$/.exec(filename.replaceAll('\\', '/'));
  if (match === null) return undefined;
  const [, packageName, path] = match;
  const { specifier } = imported;
  const isRelative = /^\.{1,2}(\/|$)/.test(specifier);
  const target = posix.join(posix.dirname(path), specifier);
  if (isRelative && target.startsWith('..')) return 'another package is imported by its name, not by its path';

  const closed = closedPackages[packageName];
  if (closed !== undefined && !isRelative && !path.endsWith('.test.ts') && !closed.test(specifier)) {
    return `packages/${packageName} may not import ${specifier}`;
  }
  if (packageName !== 'server') return undefined;

  const file = serverFile(path);
  if (file.layer === undefined) return `${path} is in a folder that scripts/lint/boundaries.js does not know`;
  const pure = decideFileProblem(file, imported);
  if (pure !== undefined) return pure;
  if (isRelative) return serverRelativeProblem(file, target);
  if (file.layer === 'test' || file.layer === 'testing') return undefined;
  return serverPackages.find((rule) => rule.packages.test(specifier) && !rule.allows({ file, ...imported }))?.message;
}

function runtimeNames(node) {
  if (node.type === 'ExportNamedDeclaration') return node.specifiers.map((specifier) => specifier.local.name);
  if (node.type !== 'ImportDeclaration') return ['*'];
  const atRuntime = node.specifiers.filter((specifier) => specifier.importKind !== 'type');
  return atRuntime.map((specifier) => specifier.imported?.name ?? '*');
}

const boundaries = {
  create(context) {
    const check = (node) => {
      const specifier = node.source?.value;
      if (typeof specifier !== 'string') return;
      const isType = node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type';
      const problem = importProblem(context.filename, { specifier, isType, names: runtimeNames(node) });
      if (problem !== undefined) context.report({ node, message: problem });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
      TSImportType: check,
    };
  },
};

export default { meta: { name: 'tollward' }, rules: { boundaries } };
