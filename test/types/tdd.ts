// The interface tdd, with its global functions.
suite('suite', function () {
  this.limitMemory('24 MB');
  suiteSetup(function () {
    this.limitMemory('24 MB');
  });
  setup(function () {
    this.limitLeaks('1 MB');
    // @ts-expect-error null lifts nothing, false does
    this.limitLeaks(null);
  });
  test('test', function () {
    this.limitMemory('24 MB').limitLeaks('1 MB');
  }).limitMemory(1);
}).limitLeaks('1 MB');
