// Compiled, never run: limits are typed where the package is among the `types` of tsconfig.json.
describe('types without an import', function () {
  this.limitMemory('24 MB');
  it('of a chain', () => {}).limitLeaks('1 MB');
});
