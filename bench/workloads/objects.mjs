// W1 and W3: the JS heap, first as garbage, then kept.
const ROWS = 1000;
const ROUNDS = 1500;
const KEPT_OBJECTS = 1e6;
const KEPT_BUFFERS = 2000;
const KEPT_BUFFER_BYTES = 16 * 1024;

const row = (/** @type {number} */ id) => ({
  id,
  name: `row ${id}`,
  tags: ['one', 'two', 'three'],
  position: { x: id / 7, y: id / 13 },
  isActive: id % 3 === 0,
  note: 'x'.repeat(id % 60),
});

/** @type {any[]} */
const kept = [];

/** @type {import('./index.mjs').Workload[]} */
export const objectWorkloads = [
  {
    name: 'W1',
    title: 'JSON parse and object churn, 1,500 times',
    allocates: ['objects'],
    prepare: () => {
      const text = JSON.stringify(Array.from({ length: ROWS }, (_, id) => row(id)));
      return () => {
        for (let round = 0; round < ROUNDS; round++) {
          const rows = /** @type {ReturnType<typeof row>[]} */ (JSON.parse(text));
          rows
            .filter(({ isActive }) => isActive)
            .map(({ id, position: { x, y }, tags }) => ({ id, x, y, tags: [...tags, String(id)] }))
            .map((each) => ({ ...each, length: Math.hypot(each.x, each.y) }));
        }
      };
    },
  },
  {
    name: 'W3',
    title: '1,000,000 objects and 2,000 Buffers kept',
    allocates: ['objects'],
    prepare: () => () => {
      for (let i = 0; i < KEPT_OBJECTS; i++) kept.push({ i });
      for (let i = 0; i < KEPT_BUFFERS; i++) kept.push(Buffer.alloc(KEPT_BUFFER_BYTES));
    },
  },
];
