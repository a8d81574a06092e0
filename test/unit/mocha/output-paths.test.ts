import assert from 'node:assert/strict';
import fs, { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveOptions, type Options } from '../../../dist/mocha/options';
import { prepareOutputPaths } from '../../../dist/mocha/output-paths';

describe('prepareOutputPaths', function () {
  let folder: string;
  const defaults = resolveOptions({
    commandLine: {},
    environment: {},
    configuration: [],
    cwd: '/',
  });
  const prepare = (options: Partial<Options>) => prepareOutputPaths({ ...defaults, ...options });

  beforeEach(function () {
    folder = mkdtempSync(join(tmpdir(), 'memray-mocha-test-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('makes the folders', function () {
    prepare({ binPath: join(folder, 'a/bins'), json: join(folder, 'b/results.json') });
    assert.ok(existsSync(join(folder, 'a/bins')));
    assert.ok(existsSync(join(folder, 'b')));
  });

  it('makes none for captures where there will be none', function () {
    prepare({ memray: 'off', binPath: join(folder, 'bins'), json: join(folder, 'b/results.json') });
    assert.deepEqual([existsSync(join(folder, 'bins')), existsSync(join(folder, 'b'))], [false, true]); // prettier-ignore
  });

  it('refuses a folder that is a file, a file that is a folder, and what cannot be made', function () {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const cases: [Partial<Options>, string, string][] = [
      [
        { binPath: file },
        `Cannot write to ${file}, which the option \`bin-path\` names:`,
        'folder',
      ],
      [{ binPath: join(file, 'x') }, `Cannot write to ${join(file, 'x')}, which`, 'folder'],
      [
        { json: folder },
        `Cannot write to ${folder}, which the option \`json\` names: it is a folder`,
        'file',
      ],
      [{ binPath: '/proc/a/b' }, 'Cannot write to /proc/a/b, which', 'folder'],
    ];
    for (const [options, start, kind] of cases) {
      assert.throws(
        () => prepare(options),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'ERR_MEMRAY_PATH_NOT_WRITABLE');
          assert.ok(error.message.startsWith(start), error.message);
          assert.ok(error.message.includes(` Name a ${kind} that `), error.message);
          return true;
        },
      );
    }
  });

  it('asks of a file that is there whether that may be written, and not its folder', function () {
    const file = join(folder, 'results.json');
    writeFileSync(file, '');
    withReadOnly(folder, () => prepare({ json: file }));
    withReadOnly(file, () =>
      assert.throws(() => prepare({ json: file }), /read-only. Name a file/),
    );
    withReadOnly(folder, () =>
      assert.throws(() => prepare({ json: join(folder, 'other.json') }), /read-only. Name a file/),
    );
  });
});

/** To root, who may run this, nothing is read-only. */
function withReadOnly(path: string, use: () => void): void {
  const { accessSync } = fs;
  fs.accessSync = (asked, mode) => {
    if (asked === path) throw new Error('read-only');
    accessSync(asked, mode);
  };
  try {
    use();
  } finally {
    fs.accessSync = accessSync;
  }
}
