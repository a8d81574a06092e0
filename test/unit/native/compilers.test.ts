import assert from 'node:assert/strict';
import { once } from 'node:events';
import { areCompilersKept, dropCompilers, keepCompilers } from '../../../dist/native/compilers';

describe('dropCompilers', function () {
  const { getBuiltinModule } = process;
  afterEach(() => {
    process.getBuiltinModule = getBuiltinModule;
  });

  it('does nothing where they were not kept', () => {
    dropCompilers({ restrictCompilers: () => assert.fail() });
  });

  it('restricts them once, and says so when V8 keeps their code', async function () {
    keepCompilers();
    assert.equal(areCompilersKept(), true);
    process.getBuiltinModule = () => {
      throw new Error('no inspector today');
    };
    const warned = once(process, 'warning');
    let calls = 0;
    const addon = { restrictCompilers: () => void calls++ };
    dropCompilers(addon);
    dropCompilers(addon);
    const [warning] = (await warned) as [Error & { code: string }];
    assert.equal(calls, 1);
    assert.equal(areCompilersKept(), false);
    assert.equal(warning.code, 'MEMRAY_MOCHA_KEPT_CODE');
    assert.match(warning.message, /wrong lines .* no inspector today.*memray: all/);
  });
});
