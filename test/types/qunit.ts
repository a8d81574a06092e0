// The interface qunit, whose suites have no callback.
suite('suite').limitMemory('24 MB').limitLeaks('1 MB');
// @ts-expect-error a limit is not a list
suite('suite').limitMemory(['24 MB']);
test('test', () => {}).limitMemory('24 MB');
