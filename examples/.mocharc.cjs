module.exports = {
  require: ['memray-mocha/register'],
  spec: ['*/*.test.js'],
  ignore: ['node_modules/**'],
  timeout: 60_000,
  memray: { mostAllocations: 5, stacks: 3 },
};
