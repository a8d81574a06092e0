import fs from 'node:fs';
import { dirname } from 'node:path';

// Tests may replace functions of fs, and leave them so.
const { existsSync, mkdirSync, statSync } = fs;

/** Makes a folder, and those it is in. Not `recursive`, with which Node never returns where folders cannot be made, as in /proc. */
export function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may just have made it.
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}
