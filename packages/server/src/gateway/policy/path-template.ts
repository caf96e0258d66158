// Paths of routes, as `/v3/profiles/{profileId}/quotes`: how they are written, and what a part of a real path may hold.

/** The calendar version that is served beside the legacy paths. */
export const calendarVersion = '2026Q3';

/** One part of a path between slashes: written out, or a `{name}` that stands for any one part. */
export type PathSegment =
  | { readonly literal: string; readonly parameter: null }
  | { readonly literal: null; readonly parameter: string };

const literalPattern = /^[A-Za-z0-9_.~-]+$/;
const parameterPattern = /^\{([A-Za-z][A-Za-z0-9]*)\}$/;
const longestTemplate = 256;
const longestValue = 64;

/** The parts of a template, or what is wrong with it. */
export function parsePathTemplate(path: string): readonly PathSegment[] | string {
  if (!path.startsWith('/')) return 'a path begins with "/"';
  if (path.length > longestTemplate) return `a path has at most ${longestTemplate} characters`;
  const segments: PathSegment[] = [];
  for (const text of path.slice(1).split('/')) {
    if (text === '') return 'a path has no empty part, and no "/" at its end';
    const parameter = parameterPattern.exec(text)?.[1];
    if (parameter !== undefined) {
      if (segments.some((segment) => segment.parameter === parameter)) return `"{${parameter}}" is in the path twice`;
      segments.push({ literal: null, parameter });
    } else if (text === '.' || text === '..') return `"${text}" is no part of a path`;
    else if (text.includes('{') || text.includes('}')) {
      return `"${text}" is not clear: a parameter is a whole part of the path, as "/{name}/"`;
    } else if (!literalPattern.test(text)) {
      return `"${text}" has characters that a path can not have here: letters, digits and _ . ~ - are fine`;
    } else segments.push({ literal: text, parameter: null });
  }
  return segments;
}

/** `/v3/quotes` is `/2026Q3/quotes`; a path without a version has no calendar path. */
export function calendarPathOf(path: string): string | null {
  const rest = /^\/v[1-9][0-9]*(\/.+)$/.exec(path)?.[1];
  return rest === undefined ? null : `/${calendarVersion}${rest}`;
}

/** Whether there is a path that both stand for. */
export function pathsOverlap(left: readonly PathSegment[], right: readonly PathSegment[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ literal }, index) => {
      const other = right[index]?.literal ?? null;
      return literal === null || other === null || literal === other;
    })
  );
}

/** The same for templates that differ in the names of their parameters only. */
export function shapeOf(path: string): string {
  return path.replaceAll(/\{[^}]*\}/g, '{}');
}

const isValueCharacter = new Uint8Array(128);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~-') {
  isValueCharacter[character.charCodeAt(0)] = 1;
}

/**
 * Whether a part of a real path can be the value of a parameter. Nothing is decoded: what needs an escape is no id, and an
 * upstream could read it in another way. It runs for each request, so it is a table and not an expression.
 */
export function isParameterValue(text: string): boolean {
  if (text.length === 0 || text.length > longestValue || text === '.' || text === '..') return false;
  for (let index = 0; index < text.length; index += 1) {
    if (isValueCharacter[text.charCodeAt(index)] !== 1) return false;
  }
  return true;
}
