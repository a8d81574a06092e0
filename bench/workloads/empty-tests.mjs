// W6: what a test costs that does nothing.
/** @type {import('./index.mjs').Workload[]} */
export const emptyTestWorkloads = [
  {
    name: 'W6',
    title: '1,000 empty tests',
    allocates: [],
    emptyTests: 1000,
    prepare: () => () => {},
  },
];
