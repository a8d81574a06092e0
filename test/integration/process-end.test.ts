// The end of a process whose tests were measured.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaptureReader } from '../../dist/capture/capture-reader';
import { withProject } from '../helpers/mocha-project';

describe('the end of a process', function () {
  it('is as without the plugin where V8 is collecting garbage', function () {
    const source = `
      const kept = [];
      it('allocates', () => { kept.push(Buffer.alloc(10)); });
      process.on('exit', () => {
        for (let i = 0; i < Number(process.env.COUNT); i++) kept.push({ i, s: 'x' + i, a: [i, i + 1] });
      });`;
    withProject(source, (project) => {
      // What is collected just then hangs on how much there is.
      for (let count = 10_000; count <= 60_000; count += 5000) {
        const { code, stdout, stderr } = project.run([], { COUNT: `${count}` });
        assert.equal(code, 0, `${count}: ${stdout}\n${stderr}`);
      }
    });
  });

  it('that a body only says there is changes no outcome', function () {
    const source = `
      const kept = [];
      const end = () => { kept.push(Buffer.alloc(1e6)); process.emit('exit', 0); };
      it('passes', end);
      it('keeps a leak limit', end).limitLeaks('10 MB', { repeat: 2 });
      it('fails', () => { end(); throw new Error('its own'); });`;
    withProject(source, (project) => {
      const { code, stdout } = project.run(['--memray-bin-path=captures']);
      assert.equal(code, 1);
      assert.match(stdout, /2 passing[^]*1 failing[^]*1\) fails:\s+Error: its own\n/);
    });
  });

  describe('of a tracker with a path', () => {
    let folder: string;
    let path: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'memray-mocha-exit-'));
      path = join(folder, 'exit.bin');
    });
    after(() => rmSync(folder, { recursive: true }));

    /** Runs a program that keeps 5 MB, and then does that. */
    function run(end: string) {
      const program = `
        const { Tracker } = require('./dist');
        const tracker = new Tracker({ path: ${JSON.stringify(path)} });
        tracker.start();
        globalThis.kept = Buffer.alloc(5e6);
        ${end}`;
      return spawnSync(process.execPath, ['--eval', program], { encoding: 'utf8' });
    }

    for (const [end, code] of [
      ['process.exit(3)', 3],
      ["throw new Error('uncaught')", 1],
      ["process.on('exit', () => tracker.stop().close())", 0],
      ['tracker.stop().close(); process.exit(process.listenerCount("exit"))', 0],
    ] as const) {
      it(`leaves a complete capture and the exit code: ${end}`, () => {
        assert.equal(run(end).status, code);
        const capture = new CaptureReader(path);
        assert.ok(capture.metadata.complete);
        assert.ok(capture.statistics().peakNativeBytes >= 5e6);
        capture.close();
      });
    }

    it('says why a capture could not be written, and leaves the exit code', () => {
      const closeFile = `
        const files = fs.readdirSync('/proc/self/fd').filter((file) => fs.existsSync('/proc/self/fd/' + file));
        const file = files.find((each) => fs.readlinkSync('/proc/self/fd/' + each) === ${JSON.stringify(path)});
        fs.closeSync(Number(file));`;
      const { status, stderr } = run(`${closeFile} process.exit(3);`);
      assert.equal(status, 3);
      assert.equal(
        stderr,
        `Could not use the capture file ${path}: the program has closed its descriptor. Have it recorded elsewhere: a file that this user may write, or a folder in TMPDIR where none is named.\n`,
      );
    });
  });
});
