// Every check of the sources that does not run them. Counts each as a test for scripts/test.mjs.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './run.mjs';

const bin = (/** @type {string} */ name) => join(root, 'node_modules', '.bin', name);
const nativeFiles = readdirSync(join(root, 'native'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(cc|h)$/.test(name))
  .map((name) => join('native', name));

const fix = process.argv.includes('--fix');
/** @type {[string, string[]][]} */
const checks = [
  ['eslint', fix ? ['.', '--fix'] : ['.']],
  ['prettier', [fix ? '--write' : '--check', '.']],
  ['clang-format', fix ? ['-i', ...nativeFiles] : ['--dry-run', '-Werror', ...nativeFiles]],
  ['tsc', ['-p', 'tsconfig.json', '--noEmit']],
  ['tsc', ['-p', 'test/tsconfig.json']],
];

/** @type {string[]} */
const failures = [];
for (const [command, parameters] of checks) {
  const shown = parameters.filter((parameter) => !nativeFiles.includes(parameter)).join(' ');
  console.log(`${command} ${shown}`);
  await run(bin(command), parameters).catch(() => failures.push(`${command} ${shown}`));
}

const file = process.env.TEST_COUNTS_FILE;
if (file) {
  const failed = failures.length;
  const passed = checks.length - failed;
  writeFileSync(file, JSON.stringify({ passed, failed, skipped: 0, failures }));
}
process.exitCode = failures.length > 0 ? 1 : 0;
