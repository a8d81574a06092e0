import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { CaptureStatistics } from '../../dist/capture/capture-reader';
import type { Body } from './bodies';

/** The Node that bodies run on. */
export const node = process.env.ACCURACY_NODE ?? process.execPath;

/** What measure.js prints. */
export interface Measurement {
  statistics: CaptureStatistics;
  peakByLine: Record<string, number>;
  leaksByLine: Record<string, number>;
}

/**
 * Measures a body in a process of its own.
 *
 * @param flags V8's
 */
export function measureBody(body: Body, flags: string[] = []): Measurement {
  const parameters = [...flags, join(__dirname, 'measure.js'), body.name];
  const { status, signal, stdout, stderr } = spawnSync(node, parameters, {
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (status !== 0) {
    throw new Error(`${flags.join(' ')} ${body.name} ended with ${signal ?? status}:\n${stderr}`);
  }
  return JSON.parse(stdout) as Measurement;
}
