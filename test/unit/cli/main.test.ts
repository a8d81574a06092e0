import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from '../../../dist/cli/main';
import type { Stats } from '../../../dist/reporters/stats-report';
import type { TableRow } from '../../../dist/reporters/table-report';
import type { TreeNode } from '../../../dist/reporters/tree-report';
import { CaptureWriter, MALLOC } from '../../helpers/capture-writer';

const manifest = join(__dirname, '..', '..', '..', 'package.json');
const bin = join(__dirname, '..', '..', '..', 'bin', 'memray-mocha.js');

/** Runs the command line and gives what it printed. */
function run(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = main(args, {
    log: (text) => void out.push(text),
    error: (text) => void err.push(text),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

describe('memray-mocha on the command line', function () {
  let folder: string;
  let file: string;

  before('write captures', function () {
    folder = mkdtempSync(join(tmpdir(), 'memray-mocha-test-'));
    file = join(folder, 'a.bin');
    writeFileSync(file, new CaptureWriter().end().toBytes());
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const verb of ['summary', 'tree', 'stats']) {
    it(`${verb} prints text, and JSON when asked`, function () {
      const text = run(verb, file);
      assert.deepEqual([text.code, text.err], [0, '']);
      assert.notEqual(text.out, '');
      const json = run(verb, '--json', file);
      assert.equal(json.code, 0);
      JSON.parse(json.out);
    });

    it(`${verb} says on stderr that a capture was cut off, and prints what it has`, function () {
      const cut = join(folder, 'cut.bin');
      writeFileSync(cut, new CaptureWriter().thread(1).allocation(16, 5).toBytes());
      const { code, out, err } = run(verb, '--json', cut);
      assert.deepEqual(
        [code, err],
        [0, `${cut} was cut off, as its process died or its disk was full: it ends early.`],
      );
      JSON.parse(out);
    });

    it(`${verb} --help lists its options`, function () {
      const { code, out } = run(verb, '--help');
      assert.equal(code, 0);
      assert.match(out, new RegExp(`^Usage: memray-mocha ${verb} `));
      assert.match(out, /--json/);
      if (verb !== 'stats') assert.match(out, /--leaks .*with garbage, unless leaks were limited/);
    });
  }

  it('--version says the version', function () {
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    assert.deepEqual(run('--version'), { code: 0, out: version, err: '' });
  });

  it('--help lists the verbs', function () {
    const { code, out } = run('--help');
    assert.equal(code, 0);
    for (const verb of ['summary', 'tree', 'stats']) assert.match(out, new RegExp(`\n  ${verb} `));
  });

  const misuses: [string[], RegExp][] = [
    [[], /^Expected a verb: one of summary, tree, stats\. See memray-mocha --help\.$/],
    [['flame', 'x'], /^There is no verb `flame`: use one of summary/],
    [['toString', 'x'], /^There is no verb `toString`/],
    [['tree'], /^Expected one capture file, got 0\. See memray-mocha tree --help\.$/],
    [['tree', 'a', 'b'], /^Expected one capture file, got 2\./],
    [['tree', '--what', 'a'], /^Unknown option '--what'\. See memray-mocha tree --help\.$/],
    [['summary', '--max-rows'], /max-rows.* missing\. See memray-mocha summary --help\.$/],
    [
      ['summary', '--max-rows', '--json', 'a'],
      /^[^.]*max-rows[^.]*\. See memray-mocha summary --help\.$/,
    ],
    [['tree', '--biggest-allocs', 'a'], /^Expected --biggest-allocs .* number, got 'a'\. See/],
    [['stats', '--num-largest=x'], /^Expected --num-largest .* number, got 'x'\. See/],
  ];
  for (const [args, message] of misuses) {
    it(`exits with 2 for \`${args.join(' ')}\``, function () {
      const { code, out, err } = run(...args);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, message);
    });
  }

  for (const [verb, option] of [
    ['summary', 'max-rows'],
    ['tree', 'biggest-allocs'],
    ['stats', 'num-largest'],
  ] as const) {
    it(`exits with 2 for a malformed --${option}, before the capture is read`, function () {
      for (const path of [file, join(folder, 'missing.bin')]) {
        const { code, out, err } = run(verb, `--${option}=few`, path);
        assert.deepEqual([code, out], [2, '']);
        assert.ok(err.includes(`Expected --${option} to be a whole number, got 'few'`), err);
      }
    });
  }

  it('stats shows five lines, as many as it is told to, and all for 0', function () {
    const writer = new CaptureWriter().thread(1);
    for (let line = 1; line <= 7; line++) {
      const frame = writer.jsFrame(writer.code(`JS:~keep /app/a.js:${line}:4`));
      writer.allocation(line * 4096, 100, MALLOC, writer.stack(0, frame));
    }
    const lines = join(folder, 'lines.bin');
    writeFileSync(lines, writer.end().toBytes());
    const count = (...args: string[]) =>
      run('stats', ...args, lines).out.match(/- keep:\S+:\d -> 100/g)?.length;
    const counts = [[], ['--num-largest=2'], ['--num-largest', '0']].map((args) => count(...args));
    // At the peak, and by size.
    assert.deepEqual(counts, [10, 4, 14]);
    const largest = (...args: string[]) =>
      (JSON.parse(run('stats', '--json', ...args, lines).out) as Stats).topByCount.length;
    assert.deepEqual([largest(), largest('--num-largest=2')], [7, 2]);
    assert.match(run('stats', '--help').out, /--num-largest=N .*0 for all/);
  });

  /** A capture in which each of so many functions holds 100 bytes. */
  function writeFunctions(count: number): string {
    const writer = new CaptureWriter().thread(1);
    for (let i = 1; i <= count; i++) {
      const stack = writer.stack(0, writer.jsFrame(writer.code(`JS:f${i} /app/a.js:${i}:4`)));
      writer.allocation(i * 4096, 100, MALLOC, stack);
    }
    const file = join(folder, 'functions.bin');
    writeFileSync(file, writer.end().toBytes());
    return file;
  }

  it('says how much more there is than it shows', function () {
    const lines = writeFunctions(3);
    const lastLine = (...args: string[]) =>
      run(...args, lines)
        .out.split('\n')
        .at(-1);
    assert.equal(lastLine('summary', '--max-rows=1'), '...and 2 more: --max-rows=0 shows all');
    assert.equal(
      lastLine('tree', '--biggest-allocs=2'),
      '...and 1 more: --biggest-allocs=0 shows all',
    );
    assert.match(run('tree', '--biggest-allocs=2', lines).out, /300\.0B \(100\.00 %\) <root>/);
    for (const verb of ['summary', 'tree']) assert.doesNotMatch(run(verb, lines).out, /more/);
  });

  it('leaves nothing out of JSON unless told how many to show', function () {
    const many = writeFunctions(25);
    const rows = (...args: string[]) =>
      (JSON.parse(run('summary', '--json', ...args, many).out) as TableRow[]).length;
    assert.deepEqual([rows(), rows('--max-rows=3'), rows('--max-rows=0')], [25, 3, 25]);
    const calls = (...args: string[]) =>
      (JSON.parse(run('tree', '--json', ...args, many).out) as TreeNode).children.length;
    assert.deepEqual([calls(), calls('--biggest-allocs=3')], [25, 3]);
    assert.match(run('summary', many).out, /\n\.\.\.and 5 more: /);
    assert.match(run('tree', many).out, /\n\.\.\.and 15 more: /);
  });

  it('tree prints what is longer than a string can be', function () {
    const writer = new CaptureWriter().thread(1);
    const frames = Array.from({ length: 900 }, (_, line) =>
      writer.jsFrame(writer.code(`JS:~f /app/a.js:${line + 1}:4`)),
    );
    const depth = 900;
    const count = 350;
    for (let i = 0; i < count; i++) {
      let stack = 0;
      for (let call = 0; call < depth; call++)
        stack = writer.stack(stack, frames[(call + i) % depth]!);
      writer.allocation((i + 1) * 4096, 100, MALLOC, stack);
    }
    const deep = join(folder, 'deep.bin');
    writeFileSync(deep, writer.end().toBytes());
    for (const args of [[], ['--json']]) {
      let lines = 0;
      const console = {
        log: (text: string) => void (lines += text.split('\n').length),
        error: () => {},
      };
      assert.equal(main(['tree', '--biggest-allocs=0', ...args, deep], console), 0);
      assert.equal(lines, count * depth + 1);
    }
  });

  it('prints nothing that terminals or GitHub act upon, whatever names are', function () {
    const writer = new CaptureWriter().thread(1);
    const code = writer.code('JS:\x1b[31m\u009bevil\n::error::x /app/\x1b]0;\x07a.js:1:4');
    writer.allocation(4096, 100, MALLOC, writer.stack(0, writer.jsFrame(code)));
    const evil = join(folder, 'evil.bin');
    writeFileSync(evil, writer.end().toBytes());
    for (const verb of ['summary', 'tree', 'stats']) {
      for (const args of [[], ['--json']]) {
        const { out } = run(verb, ...args, evil);
        assert.match(out, /evil/);
        assert.doesNotMatch(out, /^::error/m);
        assert.doesNotMatch(out.replace(/[\n\t]/g, ''), /\p{Cc}/u);
      }
    }
    const tree = JSON.parse(run('tree', '--json', evil).out) as TreeNode;
    assert.equal(tree.children[0]!.functionName, '\x1b[31m\u009bevil\n::error::x');
  });

  describe('where stdout is no terminal', function () {
    const shell = (script: string, file: string) => {
      const parameters = ['-c', script, process.execPath, bin, file];
      return spawnSync('bash', parameters, { encoding: 'utf8' });
    };
    let long: string;

    before('write a capture of which more is printed than a pipe holds', function () {
      const writer = new CaptureWriter().thread(1);
      for (let i = 1; i <= 20_000; i++) {
        const frame = writer.jsFrame(writer.code(`JS:f /app/a.js:${i}:4`));
        writer.allocation(i * 4096, 100, MALLOC, writer.stack(0, frame));
      }
      long = join(folder, 'long.bin');
      writeFileSync(long, writer.end().toBytes());
    });

    it('exits with 1 and says so where the disk is full', function () {
      for (const verb of ['summary', 'tree', 'stats', '--help']) {
        const { status, stderr } = shell(`"$0" "$1" ${verb} "$2" > /dev/full`, file);
        assert.equal(status, 1);
        assert.match(stderr, /^Cannot write the results to stdout: ENOSPC: .*Make room/);
      }
    });

    it('exits with 0, and says nothing, where nobody reads any more', function () {
      const script = 'set -o pipefail; "$0" "$1" tree --biggest-allocs=0 "$2" | head -1';
      const { status, stdout, stderr } = shell(script, long);
      assert.deepEqual([status, stderr], [0, '']);
      assert.match(stdout, /^📂 .* <root>\n$/);
    });

    it('waits for who reads slowly, also where another process had the pipe not wait', function () {
      const inherit = `process.stdout.write("");
        const [, bin, file] = process.argv;
        const parameters = [bin, "tree", "--biggest-allocs=0", file];
        require("child_process").spawnSync(process.execPath, parameters, { stdio: "inherit" });`;
      const { stdout, stderr } = shell(`"$0" -e '${inherit}' "$1" "$2" | (sleep 1; wc -l)`, long);
      assert.deepEqual([Number(stdout), stderr], [20_001, '']);
    });
  });

  it('exits with 1 for a file that is none, or no capture', function () {
    const missing = run('tree', join(folder, 'missing.bin'));
    assert.equal(missing.code, 1);
    assert.match(missing.err, /missing\.bin/);
    const empty = join(folder, 'empty.bin');
    writeFileSync(empty, '');
    assert.match(
      run('tree', empty).err,
      /empty\.bin .*: nothing was written .* disk is full\. Make room/,
    );
    const text = join(folder, 'text.bin');
    writeFileSync(text, 'This is a text and not a capture, whatever its name says.');
    const none = run('tree', text);
    assert.equal(none.code, 1);
    assert.match(none.err, /text\.bin/);
  });
});
