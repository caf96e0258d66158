// npm run check: everything that judges the code without running it, cheapest first. All steps run even if one fails,
// so that one run shows all there is to repair.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));

const steps = [
  { name: 'format and lint', program: '@biomejs/biome/bin/biome', args: ['ci', '--error-on-warnings'] },
  { name: 'types', program: 'typescript/bin/tsc', args: ['-b'] },
  { name: 'promises and boundaries', program: 'oxlint/bin/oxlint', args: ['--type-aware', '--deny-warnings'] },
  { name: 'unused code and packages', program: 'knip/bin/knip.js', args: [] },
];

const failed = [];
for (const { name, program, args } of steps) {
  const started = performance.now();
  const { status } = spawnSync(process.execPath, [`node_modules/${program}`, ...args], {
    cwd: repository,
    stdio: 'inherit',
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (status !== 0) failed.push(name);
}

if (failed.length > 0) {
  console.error(`\nnpm run check failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
