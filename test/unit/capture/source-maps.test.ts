import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { encode } from '@jridgewell/sourcemap-codec';
import { SourceMaps, type Place } from '../../../dist/capture/source-maps';

/** A map of these lines, each of [column, source, line, column] counted from 0; [column] maps nowhere. */
function createMap(sources: unknown[], lines: number[][][], more: object = {}): object {
  type Segment = [number] | [number, number, number, number];
  return { version: 3, names: [], sources, mappings: encode(lines as Segment[][]), ...more };
}

function toDataUrl(map: unknown): string {
  const text = typeof map === 'string' ? map : JSON.stringify(map);
  return `data:application/json;charset=utf-8;base64,${Buffer.from(text).toString('base64')}`;
}

/** The originals of places of one script, as `file:line:column`, `-` where there is none. */
function locate(name: string, sourceMappingUrl: string, places: [number, number][]) {
  const warnings: string[] = [];
  const maps = new SourceMaps(
    () => ({ name, sourceMappingUrl }),
    (message) => warnings.push(message),
  );
  const originals = maps.findOriginals(
    7,
    places.map(([line, column]) => ({ line, column })),
  );
  const found = places.map((_, index) => {
    const original = originals[index];
    return original ? `${original.file}:${original.line}:${original.column}` : '-';
  });
  return { found, warnings };
}

const simple = createMap(['a.ts'], [[[4, 0, 9, 2]], [], [[0, 0, 11, 0], [8], [12, 0, 12, 3]]]);

describe('SourceMaps', () => {
  const places: [number, number][] = [
    [1, 5],
    [1, 90],
    [3, 10],
    [3, 14],
  ];
  const originals = ['a.ts:10:3', 'a.ts:10:3', '-', 'a.ts:13:4'];

  it('finds the last mapping at or before a place', () => {
    const { found, warnings } = locate('/app/a.js', toDataUrl(simple), places);
    assert.deepEqual(
      found.map((each) => each.replace('file:///app/', '')),
      originals,
    );
    assert.deepEqual(warnings, []);
  });

  it('knows nothing of a place without a mapping on its line before it', () => {
    const { found } = locate('/app/a.js', toDataUrl(simple), [
      [1, 4],
      [2, 1],
      [9, 1],
    ]);
    assert.deepEqual(found, ['-', '-', '-']);
  });

  it('reads data URLs that are not base64', () => {
    const url = `data:application/json,${encodeURIComponent(JSON.stringify(simple))}`;
    assert.deepEqual(locate('/a.js', url, [[1, 5]]).found, ['file:///a.ts:10:3']);
  });

  it('reads maps in sections', () => {
    const sections = [
      { offset: { line: 0, column: 0 }, map: simple },
      { offset: { line: 3, column: 100 }, map: createMap(['/lib/b.ts'], [[[0, 0, 0, 0]]]) },
    ];
    const { found } = locate('/app/a.js', toDataUrl({ version: 3, sections }), [
      [1, 5],
      [4, 100],
      [4, 101],
    ]);
    assert.deepEqual(found, ['file:///app/a.ts:10:3', '-', 'file:///lib/b.ts:1:1']);
  });

  for (const [title, name, source, more, expected] of [
    ['beside the script', '/app/out/a.js', '../src/a.ts', {}, 'file:///app/src/a.ts'],
    ['below sourceRoot', '/app/out/a.js', 'a.ts', { sourceRoot: '/s' }, 'file:///s/a.ts'],
    ['that are plain paths', '/app/a.js', '/a#b/50%/c.ts', {}, 'file:///a%23b/50%25/c.ts'],
    ['that are paths of Windows', '/app/a.js', 'C:\\s\\a#b.ts', {}, 'file:///C:/s/a%23b.ts'],
    ['named with a #', '/app/a.js', './a#b.ts', {}, 'file:///app/a%23b.ts'],
    ['with a query', '/app/a.js', 'a#b.vue?1#2', {}, 'file:///app/a%23b.vue?1%232'],
    ['below an odd sourceRoot', '/a.js', 'a.ts', { sourceRoot: '/s#' }, 'file:///s%23/a.ts'],
    ['of a bundler', '/app/a.js', 'webpack://app/./a#b.ts', {}, 'webpack://app/a#b.ts'],
    ['of an ES module', 'file:///app/a.mjs?v=1#x', './a.ts', {}, 'file:///app/a.ts'],
    ['of a script in an odd folder', '/a#b c/d.js', 'a.ts', {}, 'file:///a%23b%20c/a.ts'],
    ['of a script without a place', 'evaluated.js', 'a#b.ts', {}, 'a#b.ts'],
    ['that are not named', '/app/a.js', null, {}, '-'],
  ] as const) {
    it(`resolves sources ${title}`, () => {
      const url = toDataUrl(createMap([source], [[[0, 0, 0, 0]]], more));
      const { found, warnings } = locate(name, url, [[1, 1]]);
      assert.deepEqual(found, [expected === '-' ? '-' : `${expected}:1:1`]);
      assert.deepEqual(warnings, []);
    });
  }

  describe('with maps in files', () => {
    let folder: string;
    beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'memray-mocha-maps-'))));
    afterEach(() => rmSync(folder, { recursive: true }));
    const write = (path: string, text: string) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    };

    it('reads a file beside the script, of which its sources are relative', () => {
      write('maps/a b.js.map', JSON.stringify(simple));
      for (const prefix of ['', 'file://']) {
        const name = `${prefix}${folder}/out/a.js`;
        const { found } = locate(name, '../maps/a%20b.js.map', [[1, 5]]);
        assert.deepEqual(found, [`file://${folder}/maps/a.ts:10:3`]);
      }
    });

    it('says of the first script that its map is missing, but not of an installed package', () => {
      const missing = locate(`${folder}/a.js`, 'a.js.map', [[1, 5]]);
      assert.deepEqual(missing.found, ['-']);
      assert.match(missing.warnings[0]!, /^The source map of \/.*\/a\.js cannot be read: ENOENT/);
      for (const url of ['a.js.map', 'https://example.com/a.js.map']) {
        const installed = locate(`${folder}/node_modules/p/a.js`, url, [[1, 5]]);
        assert.deepEqual(installed, { found: ['-'], warnings: [] });
      }
    });

    it('says nothing of one beside code whose name is no place', () => {
      for (const name of ['', 'evaluated', 'vm:module(0)']) {
        assert.deepEqual(locate(name, 'a.js.map', [[1, 5]]), { found: ['-'], warnings: [] });
      }
      const broken = locate('vm:module(0)', 'data:application/json,{', [[1, 5]]);
      assert.equal(broken.warnings.length, 1);
    });

    it('reads a map once, and again when many others were read since', () => {
      const described: number[] = [];
      const maps = new SourceMaps((id) => {
        described.push(id);
        return { name: '/a.js', sourceMappingUrl: toDataUrl(simple) };
      });
      const find = (id: number) => maps.findOriginals(id, [{ line: 1, column: 5 }])[0]?.line;
      for (let id = 0; id < 500; id++) assert.equal(find(id), 10);
      assert.equal(find(0), 10);
      assert.equal(described.length, 500);
      find(500);
      find(0);
      assert.equal(described.length, 501);
      find(1);
      assert.equal(described.length, 502);
    });
  });

  const broken: Record<string, unknown> = {
    'no JSON': '{"version":3,',
    'no map': null,
    'a number': 3,
    'without mappings': { version: 3, sources: ['a.ts'], names: [] },
    'without sources': { version: 3, mappings: 'AAAA' },
    'with odd sections': { version: 3, sections: [{ offset: {} }] },
  };
  for (const [title, map] of Object.entries(broken)) {
    it(`knows nothing by a map that is broken (${title}), and says so once`, () => {
      const warnings: string[] = [];
      const maps = new SourceMaps(
        (id) => ({ name: `/${id}.js`, sourceMappingUrl: toDataUrl(map) }),
        (message) => warnings.push(message),
      );
      const place: Place = { line: 1, column: 1 };
      for (const id of [1, 1, 2]) assert.deepEqual(maps.findOriginals(id, [place]), []);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0]!, /^The source map of \/1\.js cannot be read: .+generated/);
    });
  }

  for (const url of ['data:application/json;base64,', 'http://example.com/a.map', 'http://', '%']) {
    it(`does not stumble over the URL ${url}`, () => {
      const { found, warnings } = locate('/app/a.js', url, [[1, 1]]);
      assert.deepEqual(found, ['-']);
      assert.equal(warnings.length, 1);
    });
  }

  it('copes with mappings that make no sense', () => {
    for (const mappings of [
      '!!!!',
      'AAAAAAAAAAAA',
      'A',
      '////////////',
      'D',
      'AAAA,AADD',
      '\u00e9',
    ]) {
      const url = toDataUrl({ version: 3, sources: ['a.ts'], names: [], mappings });
      const { found } = locate('/app/a.js', url, [[1, 1]]);
      assert.match(found[0]!, /^(-|file:\/\/\/app\/a\.ts:\d+:\d+)$/, mappings);
    }
  });

  it('says nothing of evaluated code without a name, whose map is nowhere', () => {
    assert.deepEqual(locate('', 'a.js.map', [[1, 1]]), { found: ['-'], warnings: [] });
  });

  it('says nothing of a script that is gone', () => {
    assert.deepEqual(locate('', '', [[1, 1]]), { found: ['-'], warnings: [] });
  });
});
