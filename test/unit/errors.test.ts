import assert from 'node:assert/strict';
import {
  createInvalidArgumentError,
  createUnknownOptionError,
  describeValue,
  MemoryLimitError,
  MemrayMochaError,
} from '../../dist/errors';

describe('errors', function () {
  it('shows a value with its type', function () {
    assert.equal(describeValue('24 XB'), "'24 XB' (string)");
    assert.equal(describeValue([1, 2]), '[ 1, 2 ] (array)');
    assert.equal(describeValue(undefined), 'undefined');
    assert.equal(describeValue(null), 'null');
    assert.equal(describeValue(parseFloat), '[Function: parseFloat] (function)');
  });

  it('names culprit and expectation in an argument error', function () {
    const error = createInvalidArgumentError('the filter', 'a function', 5, 'Leave it out.');
    assert.ok(error instanceof TypeError);
    assert.equal(error.code, 'ERR_MEMRAY_INVALID_ARGUMENT');
    assert.equal(
      error.message,
      'Expected the filter to be a function, got 5 (number). Leave it out.',
    );
  });

  it('hides its own frames where Mocha prints the stack of a set-up error', function () {
    const error = createUnknownOptionError('--memray-stack', '--memray-stacks');
    assert.equal(
      error.stack,
      'MemrayMochaError: There is no memray-mocha option --memray-stack. Did you mean --memray-stacks?',
    );
  });

  it('gives a limit error the stack of the allocation, and nothing Mocha would diff', function () {
    const error = new MemoryLimitError('Test was limited', ['    at f (/a.js:1:2)']);
    assert.ok(error instanceof MemrayMochaError);
    assert.equal(error.code, 'ERR_MEMRAY_LIMIT_REACHED');
    assert.equal(error.stack, 'MemoryLimitError: Test was limited\n    at f (/a.js:1:2)');
    assert.ok(!('expected' in error) && !('actual' in error));
  });

  it('keeps the message of a limit error whole where Mocha takes lines out of its stack', function () {
    const message = 'Test was limited:\n    f (support/mocha.js:1:2)\nAllocate less';
    const whole = `MemoryLimitError: ${message}\n    at f (/a.js:1:2)`;
    const error = new MemoryLimitError(message, [
      '    at f (/a.js:1:2)',
      '    at g (/mocha.js:3:4)',
    ]);
    error.stack = 'MemoryLimitError: Test was limited:\nAllocate less\n    at f (/a.js:1:2)';
    assert.equal(error.stack, whole);
    error.stack = 'MemoryLimitError: another\n    at f (/a.js:1:2)';
    assert.equal(error.stack, 'MemoryLimitError: another\n    at f (/a.js:1:2)');
    assert.ok(!Object.keys(error).includes('stack'));
  });
});
