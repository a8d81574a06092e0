import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { createPathNotWritableError } from '../errors';
import { makeFolder } from '../make-folder';
import type { Options } from './options';

/**
 * Makes the folders that results go to, before a test has run for nothing.
 *
 * @throws MemrayMochaError for one that cannot be created or written
 */
export function prepareOutputPaths({ memray, binPath, json }: Options): void {
  if (binPath !== null && memray !== 'off') prepare('bin-path', 'folder', binPath, prepareFolder);
  if (json !== null) prepare('json', 'file', json, prepareFile);
}

function prepare(
  option: string,
  kind: 'folder' | 'file',
  path: string,
  make: (path: string) => void,
): void {
  try {
    make(path);
  } catch (error) {
    throw createPathNotWritableError(`the option \`${option}\``, kind, path, error);
  }
}

/** One that is there may be written where others may not be made, as /dev/stdout, or the other way round. */
function prepareFile(file: string): void {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) prepareFolder(dirname(file));
  else if (stats.isDirectory()) throw new Error('it is a folder');
  else accessSync(file, constants.W_OK);
}

function prepareFolder(folder: string): void {
  makeFolder(folder);
  if (!statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder`);
  accessSync(folder, constants.W_OK | constants.X_OK);
}
