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
export function prepareOutputPaths({ binPath, json }: Options): void {
  if (binPath !== null) prepareFolder('bin-path', binPath, binPath);
  if (json !== null) prepareFolder('json', json, dirname(json));
}

function prepareFolder(option: string, path: string, folder: string): void {
  try {
    makeFolder(folder);
    if (!statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder`);
    accessSync(folder, constants.W_OK | constants.X_OK);
    if (path !== folder && statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      throw new Error('it is a folder');
    }
  } catch (error) {
    const kind = path === folder ? 'folder' : 'file';
    throw createPathNotWritableError(`the option \`${option}\``, kind, path, error);
  }
}
