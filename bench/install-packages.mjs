// Installs the packages of bench/, and compiles for the Node that runs this what has to be.
import { installDependencies } from '../scripts/install-dependencies.mjs';
import { buildBetterSqlite3 } from './better-sqlite3.mjs';

await installDependencies('bench', 'Installing the packages of bench/', ['--ignore-scripts']);
await buildBetterSqlite3();
