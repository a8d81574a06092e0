// Installs the packages of bench/ for the Node that runs this.
import { headersFolder } from '../scripts/headers-folder.mjs';
import { installDependencies } from '../scripts/install-dependencies.mjs';

const headers = headersFolder(process.execPath);
await installDependencies(
  'bench',
  'Installing the packages of bench/ (better-sqlite3 may have to be compiled: about a minute)',
  [],
  { ...process.env, ...(headers && { npm_config_nodedir: headers }) },
);
