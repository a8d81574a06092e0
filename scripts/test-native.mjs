// Compiles and runs the C++ tests. Their binary ends its output with the line
// `N passed, N failed, N skipped`, which is handed to scripts/test.mjs.
//
//   node scripts/test-native.mjs            every test
//   node scripts/test-native.mjs mappings   those whose title contains that
//   node scripts/test-native.mjs --write    writes the golden captures of test/captures/ anew
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './run.mjs';

await run(process.execPath, [join(root, 'scripts/build-native.mjs'), '--tests']);

const binary = join(root, 'build/native-tests/build/Release/memray_mocha_tests');
const parameters = ['--captures', join(root, 'test/captures'), ...process.argv.slice(2)];
const { stdout, status, signal, error } = spawnSync(binary, parameters, {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (error) throw error;
process.stdout.write(stdout);

const counts = /(\d+) passed, (\d+) failed, (\d+) skipped\s*$/.exec(stdout);
if (status !== 0) {
  console.error(`${binary} ended with ${signal ?? status}`);
  process.exitCode = 1;
}
if (!counts && !process.argv.includes('--write')) {
  console.error(`${binary} did not end with a line of counts`);
  process.exitCode = 1;
} else if (counts && process.env.TEST_COUNTS_FILE) {
  const [passed, failed, skipped] = counts.slice(1).map(Number);
  // Each with the line below it, which says what is wrong.
  const failures = stdout.match(/^FAILED .*\n.*/gm) ?? [];
  const result = { passed, failed, skipped, failures };
  writeFileSync(process.env.TEST_COUNTS_FILE, JSON.stringify(result));
}
