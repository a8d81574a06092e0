// What a `.mocharc.cjs` says to have its `memray` checked.

/** @type {import('mocha').MochaOptions & { memray?: import('memray-mocha').MemrayOptions }} */
const configuration = {
  require: ['memray-mocha/register'],
  memray: {
    memray: 'limits',
    limitMemory: '64 MB',
    limitLeaks: '1 MB',
    failOnIncrease: true,
    // @ts-expect-error there is no such option
    limitMemmory: '64 MB',
  },
};

module.exports = configuration;
