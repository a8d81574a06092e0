import { createRequire } from 'node:module';

const load = createRequire(__filename);

/** Loads a compiled module as if for the first time, and leaves alone who has it already. */
export function loadAnew<Module>(path: string): Module {
  const file = load.resolve(path);
  const loaded = require.cache[file];
  delete require.cache[file];
  try {
    return load(file) as Module;
  } finally {
    require.cache[file] = loaded;
  }
}
