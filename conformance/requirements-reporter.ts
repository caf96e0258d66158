import { fileURLToPath } from 'node:url';
import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';
import { readRequirements, suites } from '../scripts/requirements.js';
import { decideCoverage } from './decide-coverage.js';

const requirementsFile = fileURLToPath(new URL('requirements.json', import.meta.url));

/**
 * Prints what was skipped and the totals, and after a full run fails it if a requirement is not proved. A run of some
 * files only (no TOLLWARD_FULL_RUN) cannot know what is missing, so it is not judged.
 */
export default class RequirementsReporter implements Reporter {
  #ranProjects: readonly string[] = [];

  onInit(vitest: Vitest): void {
    this.#ranProjects = vitest.projects.map((project) => project.name);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const cases = modules.flatMap((module) => [...module.children.allTests()]);
    const tests = cases.map((testCase) => ({ name: testCase.fullName, state: stateOf(testCase) }));
    const brokenModules = modules.filter((module) => module.errors().length > 0).length;
    const count = (state: string): number => tests.filter((test) => test.state === state).length;
    const lines = skippedLines(cases.filter((testCase) => stateOf(testCase) === 'skipped'));

    if (process.env['TOLLWARD_FULL_RUN'] === '1') {
      const ranSuites = suites.filter((suite) => this.#ranProjects.includes(suite));
      const problems = decideCoverage(readRequirements(requirementsFile), tests, ranSuites);
      if (problems.length > 0) {
        process.exitCode = 1;
        lines.push('Requirements are not covered:', ...problems.map((problem) => `  ${problem}`));
      }
    }

    // A file that could not be loaded and an error outside any test are failures too, though no test counts them.
    const failed = count('failed') + brokenModules + unhandledErrors.length;
    lines.push(`${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped`);
    // At exit, after whatever the other reporters still print.
    process.once('exit', () => process.stdout.write(`\n${lines.join('\n')}\n`));
  }
}

function stateOf(testCase: TestCase): 'passed' | 'failed' | 'skipped' {
  const { state } = testCase.result();
  return state === 'pending' ? 'failed' : state;
}

/** One line per file and reason. */
function skippedLines(skipped: readonly TestCase[]): string[] {
  const counts = new Map<string, number>();
  for (const testCase of skipped) {
    const key = `${testCase.module.relativeModuleId}: ${skipReason(testCase)}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const lines = [...counts].map(([key, count]) => `Skipped ${count} in ${key}`);
  if (skipped.some(lacksPostgres)) {
    lines.push(
      'To run the tests that need PostgreSQL, set TOLLWARD_TEST_DATABASE_URL to a server on which they may create',
      'databases, for example postgres://tollward@127.0.0.1:5432/postgres',
    );
  }
  return lines;
}

function skipReason(testCase: TestCase): string {
  const result = testCase.result();
  if (result.state === 'skipped' && result.note !== undefined) return result.note;
  return lacksPostgres(testCase) ? 'no PostgreSQL' : 'skipped by the test itself';
}

function lacksPostgres(testCase: TestCase): boolean {
  return !process.env['TOLLWARD_TEST_DATABASE_URL'] && testCase.fullName.includes('PostgreSQL');
}
