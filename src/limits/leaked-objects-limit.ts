import { checkOptions } from '../check-options';
import { createInvalidArgumentError } from '../errors';
import { formatMemorySize } from '../memory-size';
import type { LeakedObject } from '../objects/leaked-objects';
import { toPrintable } from '../stack-trace';
import { listItems, type TextOptions, type Verdict } from './verdict';

/**
 * Decides whether an object that a test left behind is reported. Called once per object; `true`
 * reports it, `false` ignores it.
 */
export type LeakedObjectsFilterFunction = (leaked: LeakedObject) => boolean;

/** Options of `limitLeakedObjects`. */
export interface LimitLeakedObjectsOptions {
  /** `true` reports the object, `false` ignores it. */
  filterFn?: LeakedObjectsFilterFunction;
}

/** A checked `limitLeakedObjects` declaration. */
export interface LeakedObjectsLimit {
  filterFn: LeakedObjectsFilterFunction;
}

/** Objects of one kind in one place. */
interface Group {
  name: string;
  count: number;
  sizeBytes: number;
  retainers: readonly string[];
}

/**
 * Checks the argument of `limitLeakedObjects`.
 *
 * @throws TypeError saying what is wrong with it
 */
export function createLeakedObjectsLimit(
  filterOrOptions: LeakedObjectsFilterFunction | LimitLeakedObjectsOptions = {},
): LeakedObjectsLimit {
  if (typeof filterOrOptions === 'function') return { filterFn: filterOrOptions };
  if (typeof filterOrOptions !== 'object' || filterOrOptions === null) {
    throw createInvalidArgumentError(
      'the argument of limitLeakedObjects',
      'a filter function or an object of options',
      filterOrOptions,
    );
  }
  checkOptions('limitLeakedObjects', filterOrOptions, { filterFn: 'function' });
  return { filterFn: filterOrOptions.filterFn ?? (() => true) };
}

/**
 * Judges a test by the objects it left behind.
 *
 * @param leaked each before what it holds
 * @returns the verdict when there is an object that the filter does not ignore
 * @throws whatever the filter throws
 */
export function judgeLeakedObjects(
  { filterFn }: LeakedObjectsLimit,
  leaked: LeakedObject[],
  options: Pick<TextOptions, 'verbosity'>,
): Verdict | undefined {
  const reported = leaked.filter((each) => filterFn(each));
  if (reported.length === 0) return undefined;
  const actualBytes = reported.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const summary = `Test leaked ${reported.length} ${reported.length === 1 ? 'object' : 'objects'} (${formatMemorySize(actualBytes)})`;
  const message =
    options.verbosity < 0
      ? summary
      : [
          summary,
          'List of leaked objects:',
          ...listItems(groupObjects(reported), options, formatGroup),
          '',
          'Drop what holds them, or ignore a known cache with `filterFn`.',
        ].join('\n');
  return {
    violation: { kind: 'limitLeakedObjects', limitBytes: 0, actualBytes, message, stack: [] },
    stackLines: [],
  };
}

function formatGroup({ name, count, sizeBytes, retainers }: Group): string[] {
  return [
    `    - ${count} ${toPrintable(name)} (${formatMemorySize(sizeBytes)}${count > 1 ? ' in all' : ''}) held by:`,
    `        ${toPrintable(retainers.join(' -> ')) || '<unknown>'}`,
  ];
}

/** By name and way, whatever the indexes; what holds others comes before them. */
function groupObjects(objects: LeakedObject[]): Group[] {
  const groups = new Map<string, Group>();
  for (const { constructorName, functionName, filename, sizeBytes, retainers } of objects) {
    const place = filename && `of ${filename}`;
    const name = [constructorName, functionName, place].filter(Boolean).join(' ');
    const key = [name, ...retainers].join('\n').replace(/\[\d+\]/g, '[]');
    const group = groups.get(key) ?? { name, count: 0, sizeBytes: 0, retainers };
    group.count++;
    group.sizeBytes += sizeBytes;
    groups.set(key, group);
  }
  return [...groups.values()];
}
