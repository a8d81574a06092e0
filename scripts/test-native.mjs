// Compiles and runs the C++ tests. Their binary ends its output with the line
// `N passed, N failed, N skipped`, which is handed to scripts/test.mjs.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './run.mjs';

await run(process.execPath, [join(root, 'scripts/build-native.mjs'), '--tests']);

const binary = join(root, 'build/native-tests/build/Release/memray_mocha_tests');
const { stdout, status, signal, error } = spawnSync(binary, {
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
if (!counts) {
  console.error(`${binary} did not end with a line of counts`);
  process.exitCode = 1;
} else if (process.env.TEST_COUNTS_FILE) {
  const [passed, failed, skipped] = counts.slice(1).map(Number);
  writeFileSync(process.env.TEST_COUNTS_FILE, JSON.stringify({ passed, failed, skipped }));
}
