import { createConfig, lintFromString } from '@redocly/openapi-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeDefaultWireSurface, renderOpenApi } from './document.js';
import { renderJson } from './render-json.js';

describe('the OpenAPI description', () => {
  test('[OAS-01] is valid OpenAPI 3.1 and keeps every recommended rule of the linter', async () => {
    const config = await createConfig({ extends: ['recommended'] });
    const problems = await lintFromString({ source: renderOpenApi(), absoluteRef: 'openapi.json', config });
    expect(problems.map(({ ruleId, message, location }) => `${location[0]?.pointer} ${ruleId}: ${message}`)).toEqual(
      [],
    );
  });

  test('says in its file the same as the object it was written from', () => {
    expect(JSON.parse(renderOpenApi())).toEqual(JSON.parse(JSON.stringify(describeDefaultWireSurface())));
  });
});

test('JSON on few lines reads back as what it was written from', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), (text) => {
      expect(JSON.parse(renderJson(JSON.parse(text)))).toEqual(JSON.parse(text));
    }),
  );
});

test('JSON stays on a line as long as that is not too wide', () => {
  const list = Array.from({ length: 40 }, (_, index) => index);
  expect(
    renderJson({ short: [1, 2], long: list })
      .split('\n')
      .slice(0, 4),
  ).toEqual(['{', '  "short": [1, 2],', '  "long": [', '    0,']);
});
