// Runs Mocha with memray-mocha over examples/, where two tests fail on purpose.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tracker } from '../dist/index.js';
import { headersFolder } from './headers-folder.mjs';
import { installDependencies } from './install-dependencies.mjs';
import { root } from './run.mjs';

const onPurpose = [
  'limitLeaks: zlib > keeps each stream, over its limit on purpose',
  'limitMemory: better-sqlite3 > adds up the sizes in JavaScript, over its limit on purpose',
];
const expected = Tracker.supported ? onPurpose : [];

const headers = headersFolder(process.execPath);
await installDependencies(
  'examples',
  'Installing the packages of examples/ (better-sqlite3 may have to be compiled: about a minute)',
  [],
  // For better-sqlite3, which runs node-gyp when its prebuilt binary cannot be had.
  { ...process.env, ...(headers && { npm_config_nodedir: headers }) },
);

const folder = mkdtempSync(join(tmpdir(), 'memray-mocha-demo-'));
const results = join(folder, 'results.json');
const mocha = join(root, 'examples/node_modules/mocha/bin/mocha.js');
console.log('Running Mocha in examples/ with memray-mocha/register\n');
const { error } = spawnSync(process.execPath, [mocha, `--memray-json=${results}`], {
  cwd: join(root, 'examples'),
  stdio: ['ignore', 'inherit', 'inherit'],
});
if (error) throw error;

if (!existsSync(results)) throw new Error('Mocha ended before it wrote its results.');
/** @type {{ tests: { titlePath: string[], state: string, violations: { kind: string }[] }[] }} */
const { tests } = JSON.parse(readFileSync(results, 'utf8'));
rmSync(folder, { recursive: true });
const failures = tests
  .filter(({ state }) => state === 'failed')
  .map(({ titlePath, violations }) => {
    const kinds = violations.map(({ kind }) => kind).join(', ') || 'error';
    return `${kinds}: ${titlePath.join(' > ')}`;
  })
  .sort();

if (failures.join('\n') !== expected.join('\n')) {
  console.error('\nExpected exactly these tests to fail:');
  console.error(expected.map((failure) => `  ${failure}`).join('\n') || '  none');
  console.error('got:');
  console.error(failures.map((failure) => `  ${failure}`).join('\n') || '  none');
  process.exitCode = 1;
} else if (Tracker.supported) {
  console.log('\nThese two tests failed on purpose, everything else passed:');
  console.log(failures.map((failure) => `  ${failure}`).join('\n'));
} else {
  console.log(`\nNothing was measured: ${Tracker.unsupportedReason}`);
}
