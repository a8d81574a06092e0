// Runs every layer of tests, goes on after a failing one, and prints the sum as its last line.
//
//   node scripts/test.mjs             every layer
//   node scripts/test.mjs unit        only these layers
//   node scripts/test.mjs --lint      lint as one more layer
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from './run.mjs';

// Without accuracy/complete, which takes minutes: see CONTRIBUTING.
const allLayers = [
  'unit',
  'assembly',
  'native',
  'integration',
  'accuracy:short',
  'performance',
  'package',
  'matrix',
];

const { values: options, positionals } = parseArgs({
  options: { lint: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const layers = [
  ...(options.lint ? ['lint'] : []),
  ...(positionals.length > 0 ? positionals : allLayers),
];

const total = { passed: 0, failed: 0, skipped: 0 };
const folder = mkdtempSync(join(tmpdir(), 'memray-mocha-tests-'));
for (const layer of layers) {
  const startedAt = Date.now();
  console.log(`\n--- ${layer} ---`);
  const counts = await runLayer(layer);
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  console.log(
    `--- ${layer}: ${describe(counts)}, ${((Date.now() - startedAt) / 1000).toFixed(1)} s ---`,
  );
}
rmSync(folder, { recursive: true });
process.exitCode = total.failed > 0 ? 1 : 0;
console.log(describe(total));

/** @param {string} layer */
async function runLayer(layer) {
  const file = join(folder, layer);
  const env = { ...process.env, TEST_COUNTS_FILE: file };
  const script = layer === 'lint' ? 'lint' : `test:${layer}`;
  // Only Mocha's layers take a reporter; the others write the file themselves.
  const reporter = ['lint', 'native'].includes(layer)
    ? []
    : ['--', '--reporter', './scripts/counting-reporter.cjs'];
  let succeeded = true;
  await run('npm', ['run', '--silent', script, ...reporter], { env }).catch((error) => {
    succeeded = false;
    console.error(error.message);
  });
  const counts = readCounts(file);
  // A layer that died before it counted, or failed outside its tests, is a failure.
  if (!succeeded && counts.failed === 0) counts.failed = 1;
  if (succeeded && counts.passed + counts.failed + counts.skipped === 0) counts.failed = 1;
  return counts;
}

/** @param {string} file */
function readCounts(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

/** @param {typeof total} counts */
function describe({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
