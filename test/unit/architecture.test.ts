// Who may include or import whom in native/ and assembly/. For src/ that is a lint rule; for these
// two, this test reads their include and import lines.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');

/** What each file names in its include or import lines, by the file's path without extension. */
type References = Map<string, string[]>;

function readReferences(folder: string, extension: RegExp, line: RegExp): References {
  const references: References = new Map();
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  for (const name of names.filter((name) => extension.test(name))) {
    const text = readFileSync(join(root, folder, name), 'utf8');
    references.set(
      name,
      [...text.matchAll(line)].map((match) => match[1]!),
    );
  }
  return references;
}

/** Everything a file reaches, itself left out. */
function reach(file: string, next: (file: string) => string[]): Set<string> {
  const found = new Set<string>();
  const waiting = [file];
  for (let current = waiting.pop(); current !== undefined; current = waiting.pop()) {
    for (const name of next(current).filter((name) => !found.has(name))) {
      found.add(name);
      waiting.push(name);
    }
  }
  return found;
}

function assertNone(offenders: string[], reason: string) {
  assert.deepEqual(offenders, [], `${reason}\n${offenders.join('\n')}`);
}

describe('native/ includes', () => {
  const phases = ['call_stack', 'capture', 'interposition', 'js_heap'];
  const includes = readReferences('native', /\.(h|cc)$/, /^#include ["<](.+?)[">]/gm);
  const sources = [...includes.keys()].filter((file) => !file.startsWith('test/'));
  const including = (header: RegExp) =>
    sources.filter((file) => includes.get(file)!.some((name) => header.test(name)));
  const reached = (file: string) => reach(file, (name) => includes.get(name) ?? []);

  it('napi.h in binding.cc and environment only', () => {
    const allowed = /^(binding\.cc|unsupported_binding\.cc|environment\.(h|cc))$/;
    assertNone(
      including(/^(napi|node_api|node)\.h$/).filter((file) => !allowed.test(file)),
      'The boundary to Node stays in one place; the tracker runs without Node in its tests.',
    );
  });

  it('v8.h in call_stack/ and js_heap/ only', () => {
    const allowed = /^(call_stack|js_heap)\//;
    assertNone(
      including(/^v8/).filter((file) => !allowed.test(file)),
      'Only what reads call stacks and the JS heap depends on the version of V8.',
    );
  });

  for (const phase of phases) {
    it(`${phase}/ includes no other phase and nothing above it`, () => {
      const others = phases.filter((other) => other !== phase).map((other) => `${other}/`);
      const above = ['binding.', 'environment.', 'tracker.'];
      const files = sources.filter((file) => file.startsWith(`${phase}/`));
      assertNone(
        files.flatMap((file) =>
          [...reached(file)]
            .filter((name) => [...others, ...above].some((prefix) => name.startsWith(prefix)))
            .map((name) => `${file} reaches ${name}`),
        ),
        'Hooks call up only through the listener interface; what joins the phases is the tracker.',
      );
    });
  }

  it('binding -> environment -> tracker, never back', () => {
    const order = ['tracker.h', 'environment.h'];
    assertNone(
      order.filter((header, index) =>
        order.slice(index + 1).some((higher) => reached(header).has(higher)),
      ),
      'The tracker does not know who starts it.',
    );
  });
});

describe('assembly/ imports', () => {
  const imports = readReferences('assembly', /\.ts$/, /from '\.\/(.+?)'/g);
  const reached = (file: string) =>
    reach(file, (name) => (imports.get(name) ?? []).map((other) => `${other}.ts`));

  // Lowest first: a file may reach its own rank and those below.
  const ranks = [
    ['byte-cursor', 'crc32', 'error-codes', 'hash', 'records', 'zeros'],
    ['call-tree', 'pair-index', 'table'],
    ['code-name', 'file-url', 'metadata', 'record-reader', 'statistics', 'symbols', 'texts'],
    ['code-map', 'frame-tree', 'live-allocations', 'live-mappings'],
    ['allocation-sites', 'high-water-mark'],
    ['call-stack-rows', 'js-heap', 'live-memory'],
    ['block-reader', 'result-buffer'],
    ['index'],
  ];

  it('are of files that all have a rank', () => {
    const files = ranks.flat().map((name) => `${name}.ts`);
    assert.deepEqual(files.sort(), [...imports.keys()].sort());
  });

  ranks.forEach((rank, index) => {
    const above = ranks.slice(index + 1).flat();
    for (const name of above.length > 0 ? rank : []) {
      it(`${name} reaches nothing above it`, () => {
        const names = reached(`${name}.ts`);
        assertNone(
          above.filter((higher) => names.has(`${higher}.ts`)),
          'Data flows from bytes to records to results.',
        );
      });
    }
  });

  it('go in no circle', () => {
    assertNone(
      [...imports.keys()].filter((file) => reached(file).has(file)),
      'Each of these files reaches itself.',
    );
  });

  it('ask nothing of the host', () => {
    const sources = readReferences('assembly', /\.ts$/, /(@external\b|^declare )/gm);
    assertNone(
      [...sources.keys()].filter((file) => sources.get(file)!.length > 0),
      'The core runs wherever WebAssembly does: it imports nothing but abort.',
    );
  });
});
