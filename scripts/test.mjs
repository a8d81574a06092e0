// Runs every layer of tests, goes on after a failing one, and ends with what failed and the sum.
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

// These only compute: they run at the lowest priority beside the others, which keep little more than one processor busy.
const besideOthers = ['lint', 'native'];

const { values: options, positionals } = parseArgs({
  options: { lint: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const layers = [
  ...(options.lint ? ['lint'] : []),
  ...(positionals.length > 0 ? positionals : allLayers),
];

const total = { passed: 0, failed: 0, skipped: 0 };
/** @type {string[]} */
const failures = [];
const folder = mkdtempSync(join(tmpdir(), 'memray-mocha-tests-'));
const beside = runBeside();
for (const layer of layers.filter((name) => !besideOthers.includes(name))) {
  // The one packs what is compiled there, the other starts it.
  if (['package', 'matrix'].includes(layer)) await beside;
  await runLayer(layer);
}
await beside;
rmSync(folder, { recursive: true });
process.exitCode = total.failed > 0 ? 1 : 0;
// Of a long log, often only the end is shown.
for (const failure of failures) console.log(`\nFAILED ${failure}`);
console.log(describe(total));

async function runBeside() {
  for (const layer of layers.filter((name) => besideOthers.includes(name))) await runLayer(layer);
  // For the matrix, which tells what is wrong should this fail.
  if (layers.includes('matrix'))
    await runNice(process.execPath, ['scripts/build-native.mjs', '--all']).catch(() => {});
}

/** @param {string} layer */
async function runLayer(layer) {
  const startedAt = Date.now();
  const heading = `\n--- ${layer} ---\n`;
  // Then its output comes at its end.
  const isBeside = besideOthers.includes(layer);
  if (!isBeside) process.stdout.write(heading);
  const file = join(folder, layer);
  const env = { ...process.env, TEST_COUNTS_FILE: file };
  const script = layer === 'lint' ? 'lint' : `test:${layer}`;
  // Only Mocha's layers take a reporter; the others write the file themselves.
  const reporter = isBeside ? [] : ['--', '--reporter', './scripts/counting-reporter.cjs'];
  const parameters = ['run', '--silent', script, ...reporter];
  let succeeded = true;
  const output = await (isBeside ? runNice : run)('npm', parameters, { env }).catch((error) => {
    succeeded = false;
    return `${error.message}\n`;
  });
  const counts = readCounts(file);
  // A layer that died before it counted, or failed outside its tests, is a failure.
  const isEmpty = counts.passed + counts.failed + counts.skipped === 0;
  if (counts.failed === 0 && (!succeeded || isEmpty)) {
    counts.failed = 1;
    counts.failures = [succeeded ? 'has no tests' : 'failed outside of its tests'];
  }
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  for (const failure of counts.failures) failures.push(`${layer}: ${firstLines(failure)}`);
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(
    `${isBeside ? heading + output : output}--- ${layer}: ${describe(counts)}, ${seconds} s ---`,
  );
}

/**
 * @param {string} command
 * @param {string[]} parameters
 * @param {{ env?: NodeJS.ProcessEnv }} [options]
 */
function runNice(command, parameters, options) {
  return run('nice', ['-n', '19', command, ...parameters], { ...options, quiet: true });
}

/**
 * @param {string} file
 * @returns {typeof total & { failures: string[] }}
 */
function readCounts(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: 0, failures: [] };
  }
}

/** @param {string} failure whose error may have all that a program printed */
function firstLines(failure) {
  return failure.split('\n').slice(0, 40).join('\n  ');
}

/** @param {typeof total} counts */
function describe({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
