// Compiles the addon of the bodies.
import { join } from 'node:path';
import { compileAddon } from '../../scripts/compile-addon.mjs';
import { root } from '../../scripts/run.mjs';

await compileAddon(
  join(import.meta.dirname, 'addon', 'allocate_in_thread.c'),
  join(root, 'build/accuracy/allocate_in_thread.node'),
);
