import assert from 'node:assert/strict';
import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { resolveOptions } from '../../../dist/mocha/options';
import { openFindings, WorkerFindings, type Handover } from '../../../dist/mocha/worker-findings';
import type { AllocationResult, TestResult } from '../../../dist/test-result';
import { createResult } from '../../helpers/results';
import { callStack } from '../../helpers/rows';

describe('WorkerFindings', function () {
  const options = resolveOptions({
    commandLine: {},
    environment: {},
    configuration: [],
    cwd: '/',
  });
  let findings: WorkerFindings;
  let folder: string;

  beforeEach(function () {
    findings = new WorkerFindings(options);
    folder = (JSON.parse(process.env.MEMRAY_MOCHA_RUN!) as Handover).folder!;
  });
  afterEach(() => findings.dispose());

  const allocation = (): AllocationResult => ({
    bytes: 1,
    count: 1,
    heap: 'js',
    stack: callStack('größer:/a.js:1', 'g:/b.js:2').frames,
  });
  const results = () =>
    findings
      .read()
      .flatMap((finding): TestResult[] => ('result' in finding ? [finding.result] : []));

  it('gives what workers sent, in the order of their files', function () {
    const send = openFindings(folder);
    const sent = ['b.js', 'a.js'].map((file) =>
      createResult(file, 1, { file, topAllocations: [allocation()] }),
    );
    for (const result of sent) send({ result });
    assert.deepEqual(results(), sent.reverse());
  });

  it('leaves out a line that is torn', function () {
    openFindings(folder)({ result: createResult('whole', 1) });
    const [file] = readdirSync(folder);
    appendFileSync(join(folder, file!), '{"result":{"id":"torn"');
    assert.deepEqual(
      results().map(({ id }) => id),
      ['whole'],
    );
  });

  it('keeps equal frames once', function () {
    const send = openFindings(folder);
    for (const id of ['a', 'b']) send({ result: createResult(id, 1, { leaks: [allocation()] }) });
    const [first, second] = results().map(({ leaks }) => leaks[0]!.stack);
    assert.ok(first!.every((frame, index) => frame === second![index]));
  });
});
