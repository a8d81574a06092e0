// The interface require: Mocha's functions by import.
import { beforeEach, describe, it } from 'mocha';

describe('suite', function () {
  this.limitMemory('24 MB');
  beforeEach(function () {
    this.limitLeaks('1 MB');
  });
  it('test', function () {
    this.limitMemory('24 MB');
  }).limitLeaks('1 MB');
});
