import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { CaptureStatistics } from '../../dist/capture/capture-reader';
import type { Body, Truth } from './bodies';

/** The Node that bodies run on. */
export const node = process.env.ACCURACY_NODE ?? process.execPath;

/** What measure.js prints. */
export interface Measurement {
  statistics: CaptureStatistics;
  peakByLine: Record<string, number>;
  leaksByLine: Record<string, number>;
  /** The body's, as `leaks`: with the sizes that things have in the Node it ran on. */
  peak?: Truth;
  leaks: Record<string, Truth>;
}

/**
 * Measures a body in a process of its own.
 *
 * @param flags V8's
 */
export function measureBody(body: Body, flags: string[] = []): Measurement {
  return runMeasure<Measurement>([...flags, script, body.name]);
}

/** What a body keeps in bytes, as bodies.js has it and as V8's heap snapshots have. */
export function measureSnapshot(body: Body): { truthBytes: number; keptBytes: number } {
  return runMeasure([script, body.name, '--snapshot']);
}

const script = join(__dirname, 'measure.js');

function runMeasure<Result>(parameters: string[]): Result {
  const { status, signal, stdout, stderr } = spawnSync(node, parameters, {
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`${parameters.join(' ')}: ${signal ?? status}\n${stderr}`);
  return JSON.parse(stdout) as Result;
}
