import { readFileSync } from 'node:fs';

/** In bytes. Not `maxRSS` of `process.resourceUsage`: a process inherits that from the one that started it. */
export function readPeakRss() {
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]) * 1024;
}
