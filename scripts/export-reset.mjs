// A transform of the AssemblyScript compiler. It exports a function `reset`, after which an
// instance is as new, but for what its hashes are mixed with: so one instance can read many
// captures, one after the other, where a new one for each costs more than to read what a small
// test did, and V8 lets go of it late.

/** @typedef {typeof import('binaryen').default} Binaryen */

const SEED = 'assembly/hash/seed';
const START = '~start';
const HEAP_BASE = '~lib/memory/__heap_base';
const PAGE_BITS = 16;

// A class: the compiler gives `binaryen` to classes only.
export default class ExportReset {
  /** @param {import('binaryen').default.Module} module */
  afterCompile(module) {
    const { binaryen } = /** @type {{ binaryen: Binaryen }} */ (/** @type {unknown} */ (this));
    const { memory, global, local, i32 } = module;
    const heapBase = () => global.get(HEAP_BASE, binaryen.i32);
    const memoryBytes = i32.shl(memory.size(), i32.const(PAGE_BITS));
    const body = [
      memory.fill(heapBase(), i32.const(0), i32.sub(memoryBytes, heapBase())),
      ...findVariables(module, binaryen).map(({ name, init }) =>
        global.set(name, module.copyExpression(init)),
      ),
      global.set(SEED, local.get(0, binaryen.i64)),
      module.call(START, [], binaryen.none),
    ];
    module.addFunction('reset', binaryen.i64, binaryen.none, [], module.block(null, body));
    module.addFunctionExport('reset', 'reset');
  }
}

/**
 * @param {import('binaryen').default.Module} module
 * @param {Binaryen} binaryen
 */
function findVariables(module, binaryen) {
  return Array.from({ length: module.getNumGlobals() }, (_, index) =>
    binaryen.getGlobalInfo(module.getGlobalByIndex(index)),
  ).filter(({ mutable }) => mutable);
}
