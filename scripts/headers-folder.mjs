import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The folder whose `include/node` has the headers of a Node binary, when they lie beside it, as
 * in every Node distribution. node-gyp, not told, downloads them instead.
 *
 * @param {string} node path of the binary
 * @returns {string | undefined}
 */
export function headersFolder(node) {
  const folder = dirname(dirname(realpathSync(node)));
  const hasHeaders = existsSync(join(folder, 'include', 'node', 'node_version.h'));
  return hasHeaders ? folder : undefined;
}
