import assert from 'node:assert/strict';
import { readArguments, readSources } from '../../../dist/mocha/option-sources';

interface Args {
  config?: unknown;
  package?: unknown;
}

function read(argv: string[], { env = {}, rc = {}, pkg = {} } = {}) {
  const asked: Args = {};
  const reader = {
    loadRc(args: Args) {
      asked.config = args.config;
      return rc;
    },
    loadPkgRc(args: Args) {
      asked.package = args.package;
      return pkg;
    },
  };
  return { ...readSources(argv, env, reader), asked };
}

describe('readSources', function () {
  it('takes our options out of the command line', function () {
    const argv = [
      'test',
      '-b',
      '--memray-stacks=5',
      '--memray-native',
      '--no-memray',
      '--grep',
      'x',
    ];
    const { commandLine } = read([...argv, '--no-memray-hide-summary', '--timeout=5']);
    assert.deepEqual(commandLine, {
      'memray-stacks': '5',
      'memray-native': true,
      memray: false,
      'memray-hide-summary': false,
    });
  });

  it('refuses a switch before a file, which Mocha would take for its value and not run', function () {
    const refusal = {
      code: 'ERR_MEMRAY_INVALID_OPTION',
      message:
        "Mocha takes 'a.test.js' (string) for the value of --memray-update-baseline, which stands before it. Write `--memray-update-baseline=<value>`, which is `true` for a switch.",
    };
    const args = ['--memray-update-baseline', 'a.test.js'];
    assert.throws(() => read(args), refusal);
    assert.throws(() => read([], { env: { MOCHA_OPTIONS: args.join(' ') } }), refusal);
  });

  it('takes misspelled ones too, which would do nothing', function () {
    const { commandLine, configuration } = read(['--memrayStacks=5', '--memray_json=a'], {
      rc: { memrayNative: true, other: 1 },
    });
    assert.deepEqual(Object.keys(commandLine), ['memrayStacks', 'memray_json']);
    assert.deepEqual(configuration.at(-1), { memrayNative: true });
  });

  it('takes weaker ones out of MOCHA_OPTIONS', function () {
    const env = { MOCHA_OPTIONS: '--memray-stacks=3  --memray-verbosity=2 --reporter dot' };
    const { commandLine } = read(['--memray-stacks=5'], { env });
    assert.deepEqual(commandLine, { 'memray-stacks': '5', 'memray-verbosity': '2' });
  });

  for (const [argument, value] of [
    ['--memray-bin-path="my caps"', 'my caps'],
    ["--memray-bin-path='my caps'", 'my caps'],
    ["'--memray-bin-path=my caps'", 'my caps'],
    [`--memray-bin-path="it's"`, "it's"],
    ['--memray-bin-path=caps', 'caps'],
  ] as const) {
    it(`takes ${argument} out of MOCHA_OPTIONS`, function () {
      const env = { MOCHA_OPTIONS: `--reporter dot ${argument} --memray-stacks=3` };
      assert.deepEqual(read([], { env }).commandLine, {
        'memray-bin-path': value,
        'memray-stacks': '3',
      });
    });
  }

  it('finds what Mocha handed down to the process it started for Node flags', function () {
    const { configuration } = read(['--memray.stacks=5', '--no-config', '--no-package']);
    assert.deepEqual(configuration, [{ stacks: '5' }]);
  });

  it('takes a limit that was handed down for the number it was', function () {
    const args = ['--memray.limitMemory=1000000', '--no-config', '--no-package'];
    assert.deepEqual(read(args).configuration, [{ limitMemory: 1_000_000 }]);
  });

  it('finds options in a configuration that stand there as on the command line', function () {
    const { configuration } = read([], {
      rc: { 'memray-limit-memory': '1 MB', reporter: 'dot' },
      pkg: { memray: { stacks: 2 }, 'memray-native': true },
    });
    assert.deepEqual(configuration, [
      {},
      { 'limit-memory': '1 MB' },
      { stacks: 2 },
      { native: true },
    ]);
  });

  it('has Mocha read the files it would read', function () {
    assert.deepEqual(read(['--config', 'a.json', '--package=b.json']).asked, {
      config: 'a.json',
      package: 'b.json',
    });
    assert.deepEqual(read(['--no-config', '--no-package']).asked, {
      config: false,
      package: false,
    });
  });

  it('prefers .mocharc to package.json', function () {
    const { configuration } = read([], {
      rc: { memray: { stacks: 1 } },
      pkg: { memray: 'off' },
    });
    assert.deepEqual(configuration, [{}, { stacks: 1 }, 'off']);
  });
});

describe('readArguments', function () {
  const args = ['a.test.js', '--memray-json', 'r.json', '--memray-native', '--memray.stacks', '5'];

  it('gives options their values back when Mocha 10 has started itself anew', function () {
    const argv = ['node', '/app/node_modules/mocha/lib/cli/cli.js', ...args, '--memray-x=1', '--b'];
    const { commandLine, configuration } = readSources(readArguments(argv), {});
    assert.deepEqual(commandLine, {
      'memray-json': 'r.json',
      'memray-native': true,
      'memray-x': '1',
    });
    assert.deepEqual(configuration[0], { stacks: '5' });
  });

  it('keeps what a user wrote', function () {
    assert.deepEqual(readArguments(['node', '/app/node_modules/.bin/mocha', ...args]), args);
  });
});
