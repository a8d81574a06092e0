import assert from 'node:assert/strict';
import { insertProperties, listProperties } from '../../../dist/reporters/junit-properties';
import { createResult } from '../../helpers/results';

const properties = [
  { name: 'a', value: 1 },
  { name: 'b', value: 'text' },
];
const inserted =
  '<properties><property name="a" value="1"/><property name="b" value="text"/></properties>';

describe('insertProperties', function () {
  it('gives an empty testcase children', function () {
    assert.equal(
      insertProperties('<testcase name="x/&#x3E;" time="0"/>', properties),
      `<testcase name="x/&#x3E;" time="0">${inserted}</testcase>`,
    );
  });

  it('comes before what a testcase has already', function () {
    assert.equal(
      insertProperties('<testcase name="x"><failure>\n<a/></failure></testcase>', properties),
      `<testcase name="x">${inserted}<failure>\n<a/></failure></testcase>`,
    );
  });

  it('leaves other lines alone', function () {
    assert.equal(insertProperties('</testsuite>', properties), '</testsuite>');
  });
});

describe('listProperties', function () {
  it('lists peak, allocations, and each limit that was reached', function () {
    const violation = {
      kind: 'limitLeaks' as const,
      limitBytes: 1,
      actualBytes: 2,
      message: '',
      stack: [],
    };
    const result = createResult('a', 5, { violations: [violation] });
    assert.deepEqual(
      listProperties(result).map(({ name, value }) => `${name}=${value}`),
      [
        'memray.peakBytes=5',
        'memray.peakNativeBytes=5',
        'memray.peakJsHeapBytes=0',
        'memray.allocationCount=1',
        'memray.allocationBytes=5',
        'memray.violation=limitLeaks',
      ],
    );
  });
});
