// Prints what each body's memory is, by each method: npm run accuracy
import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { bodies, findLine } = createRequire(import.meta.url)('./bodies.js');
const node = process.env.ACCURACY_NODE ?? process.execPath;
const columns = ['truth', 'ours', 'raw', 'heapUsed', 'rss'];

execFileSync(process.execPath, [join(import.meta.dirname, 'build-addon.mjs')]);
console.log(`MiB on Node ${execFileSync(node, ['--version'], { encoding: 'utf8' })}`);
console.log(formatRow('', columns));
for (const body of bodies) {
  const { statistics, leaksByLine } = run(body.name);
  const { heapUsedBytes, rssBytes } = run(body.name, '--process');
  const sum = (/** @type {number[]} */ list) => list.reduce((total, bytes) => total + bytes, 0);
  const leaks = Object.entries(body.leaks ?? {});
  const ours = body.leaks
    ? sum(leaks.map(([comment]) => leaksByLine[findLine(comment)] ?? 0))
    : statistics.peakBytes;
  const truth = body.leaks ? toMiB(sum(leaks.map(([, { bytes }]) => bytes))) : describeTruth(body);
  const others = [ours, statistics.rawPeakBytes, heapUsedBytes, rssBytes].map(toMiB);
  console.log(formatRow(body.name, [truth, ...others]));
}

/** @param {string[]} parameters */
function run(...parameters) {
  const script = join(import.meta.dirname, 'measure.js');
  const { status, stdout, stderr } = spawnSync(node, [script, ...parameters], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`\`${parameters.join(' ')}\` failed:\n${stderr}`);
  return JSON.parse(stdout);
}

/** @param {import('./bodies.js').Body} body */
function describeTruth({ peak, atLeastBytes = 0, atMostBytes = 0 }) {
  return peak ? toMiB(peak.bytes) : `${toMiB(atLeastBytes)} to ${toMiB(atMostBytes)}`;
}

/** @param {number} bytes */
function toMiB(bytes) {
  return (bytes / 1024 / 1024).toFixed(2);
}

/**
 * @param {string} name
 * @param {string[]} cells
 */
function formatRow(name, cells) {
  return name.padEnd(50) + cells.map((cell) => cell.padStart(14)).join('');
}
