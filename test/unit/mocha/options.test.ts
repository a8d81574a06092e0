import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { resolveOptions, type OptionSources } from '../../../dist/mocha/options';

const none: OptionSources = { commandLine: {}, environment: {}, configuration: [], cwd: '/app' };
const resolve = (sources: Partial<OptionSources>) => resolveOptions({ ...none, ...sources });

describe('resolveOptions', function () {
  it('has defaults, and a random prefix', function () {
    const { binPrefix, ...others } = resolve({});
    assert.match(binPrefix, /^[0-9a-f]{32}$/);
    assert.deepEqual(others, {
      memray: 'all',
      limitMemory: false,
      limitLeaks: false,
      mostAllocations: 5,
      hideSummary: false,
      binPath: null,
      stacks: 1,
      native: false,
      jsHeap: true,
      traceJs: false,
      failOnIncrease: false,
      baseline: '/app/.memray-mocha/baseline.json',
      updateBaseline: false,
      verbosity: 0,
      json: null,
    });
  });

  it('prefers the command line to the environment, and that to the configuration', function () {
    const commandLine = { 'memray-stacks': '1' };
    const environment = { MEMRAY_STACKS: '2', MEMRAY_VERBOSITY: '2' };
    const configuration = [
      { stacks: 3, verbosity: 1, native: true },
      { native: false, json: 'a' },
    ];
    const { stacks, verbosity, native, json } = resolve({
      commandLine,
      environment,
      configuration,
    });
    assert.deepEqual([stacks, verbosity, native, json], [1, 2, true, '/app/a']);
  });

  it('takes every option from every source', function () {
    const expected = {
      memray: 'limits',
      limitMemory: 64 * 1024 ** 2,
      limitLeaks: 1000,
      mostAllocations: 0,
      hideSummary: true,
      binPath: '/app/bins',
      binPrefix: 'p',
      stacks: 5,
      native: true,
      jsHeap: true,
      traceJs: true,
      failOnIncrease: true,
      baseline: '/app/peaks.json',
      updateBaseline: true,
      verbosity: -1,
      json: '/tmp/r.json',
    };
    const commandLine = {
      memray: 'limits',
      'memray-limit-memory': '64 MB',
      'memray-limit-leaks': '1000B',
      'memray-most-allocations': '0',
      'memray-hide-summary': true,
      'memray-bin-path': 'bins',
      'memray-bin-prefix': 'p',
      'memray-stacks': '5',
      'memray-native': true,
      'memray-js-heap': true,
      'memray-trace-js': true,
      'memray-fail-on-increase': true,
      'memray-baseline': 'peaks.json',
      'memray-update-baseline': true,
      'memray-verbosity': '-1',
      'memray-json': '/tmp/r.json',
    };
    const environment = Object.fromEntries(
      Object.entries(commandLine).map(([flag, value]) => [
        flag.toUpperCase().replaceAll('-', '_'),
        value === true ? '1' : String(value),
      ]),
    );
    const { memray: _, ...rest } = commandLine;
    const kebab = Object.fromEntries(
      Object.entries(rest).map(([flag, value]) => [flag.replace('memray-', ''), value]),
    );
    assert.deepEqual(resolve({ commandLine }), expected);
    assert.deepEqual(resolve({ environment }), expected);
    assert.deepEqual(resolve({ configuration: [expected] }), expected);
    assert.deepEqual(resolve({ configuration: [{ memray: 'limits', ...kebab }] }), expected);
  });

  const modes: [unknown, string][] = [
    [true, 'all'],
    [false, 'off'],
    ['all', 'all'],
    ['limits', 'limits'],
    ['off', 'off'],
  ];
  for (const [value, mode] of modes) {
    it(`takes ${String(value)} for the mode ${mode}`, function () {
      assert.equal(resolve({ commandLine: { memray: value } }).memray, mode);
      assert.equal(resolve({ configuration: [value] }).memray, mode);
    });
  }

  it('takes false for no limit, stronger than a limit', function () {
    const configuration = [{ limitMemory: '64 MB' }];
    const off: Partial<OptionSources>[] = [
      { commandLine: { 'memray-limit-memory': false } },
      { environment: { MEMRAY_LIMIT_MEMORY: 'false' } },
    ];
    for (const sources of off) {
      assert.equal(resolve({ configuration, ...sources }).limitMemory, false);
    }
  });

  it('takes 0 for no limit, wherever it stands', function () {
    assert.equal(resolve({ configuration: [{ limitMemory: 0 }] }).limitMemory, false);
    assert.equal(resolve({ commandLine: { 'memray-limit-memory': '0' } }).limitMemory, false);
  });

  const malformed: [Partial<OptionSources>, RegExp][] = [
    [
      { commandLine: { 'memray-stacks': '0' } },
      /^Expected --memray-stacks to be a whole number, at least 1, got '0' \(string\)\.$/,
    ],
    [{ commandLine: { 'memray-stacks': 'many' } }, /--memray-stacks .* got 'many'/],
    [
      { commandLine: { 'memray-bin-path': true } },
      /--memray-bin-path to be a folder, got nothing\. Write `--memray-bin-path=<value>`/,
    ],
    [
      { commandLine: { 'memray-bin-prefix': 'a/b' } },
      /--memray-bin-prefix to be a prefix without `\/`, got 'a\/b'/,
    ],
    [
      { environment: { MEMRAY_MOST_ALLOCATIONS: '-1' } },
      /Expected MEMRAY_MOST_ALLOCATIONS to be a whole number, 0 for all, got '-1'/,
    ],
    [
      { environment: { MEMRAY: 'some' } },
      /Expected MEMRAY to be `all`, `limits` or `off`, got 'some'/,
    ],
    [
      { configuration: ['some'] },
      /^Expected `memray` in Mocha's configuration to be .* got 'some'/,
    ],
    [{ configuration: [null] }, /^Expected `memray` in Mocha's configuration to be .* got null/],
    [
      { configuration: [{ native: 'perhaps' }] },
      /`memray\.native` in Mocha's configuration to be `true` or `false`, got 'perhaps'/,
    ],
    [
      { environment: { MEMRAY_LIMIT_MEMORY: '64' } },
      /Expected MEMRAY_LIMIT_MEMORY to be a size such as `64 MB`, or `false`, got '64' \(string\)/,
    ],
    [{ commandLine: { 'memray-limit-leaks': true } }, /--memray-limit-leaks to be a size/],
    [{ configuration: [{ limitMemory: '24 XB' }] }, /`memray\.limitMemory` .* got '24 XB'/],
    [{ configuration: [{ verbosity: 1.5 }] }, /verbosity.* at least -1, got 1\.5 \(number\)/],
  ];
  for (const [sources, message] of malformed) {
    it(`refuses ${JSON.stringify(sources)}, naming it`, function () {
      assert.throws(() => resolve(sources), { code: 'ERR_MEMRAY_INVALID_OPTION', message });
    });
  }

  const unknown: [Partial<OptionSources>, RegExp][] = [
    [
      { commandLine: { 'memray-most-allocation': '1' } },
      /option --memray-most-allocation\. Did you mean --memray-most-allocations\?/,
    ],
    [
      { environment: { MEMRAY_STAKCS: '1' } },
      /option MEMRAY_STAKCS \(in the environment\)\. Did you mean MEMRAY_STACKS\?/,
    ],
    [
      { configuration: [{ mostAlocations: 1 }] },
      /option `mostAlocations` .*\. Did you mean `memray.mostAllocations`\?/,
    ],
  ];
  for (const [sources, message] of unknown) {
    it(`refuses ${JSON.stringify(sources)}, naming the nearest option`, function () {
      assert.throws(() => resolve(sources), { code: 'ERR_MEMRAY_UNKNOWN_OPTION', message });
    });
  }

  it('leaves other programs their variables, and takes an empty one for none', function () {
    const environment = { MEMRAY_RESULT_PATH: '/tmp', MEMRAY_MOCHA_RUN: '{}', MEMRAY_STACKS: '' };
    assert.equal(resolve({ environment }).stacks, 1);
  });

  it("are all in the README's table, which Mocha's --help cannot show", function () {
    const readme = readFileSync(join(__dirname, '../../../README.md'), 'utf8');
    const table = /\n\| option [^]*?\n\n/.exec(readme)![0];
    const documented = [...table.matchAll(/^\| `(\S+)` /gm)].map(([, name]) => name!);
    const names = Object.keys(resolve({})).map((name) =>
      name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    );
    assert.deepEqual(documented.sort(), names.sort());
  });
});
