import { isAbsolute, resolve } from 'node:path';
import type { Frame } from '../call-stack';
import { formatMemorySize } from '../memory-size';
import { formatPlace, formatStackLine } from '../stack-trace';
import type { TestResult, Violation } from '../test-result';
import { describePeak, lastAttempts, rankByPeak } from './summary-report';

const TABLE_HEAD = [
  '| Test | Peak memory | Native allocations | Allocated most |',
  '| --- | ---: | ---: | --- |',
];

/** GitHub shows nothing of a summary of more than 1 MiB, to which other programs may write, too. */
const MAX_PART_BYTES = 256 * 1024;

/** What annotations need besides the results. */
export interface AnnotationOptions {
  /** What paths in the results are relative to. */
  cwd: string;
  /** Gives the text of a file, empty if there is none. */
  readSource: (file: string) => string;
}

/** Workflow commands by which GitHub shows what failed by its memory on the line that allocated most. */
export function formatAnnotations(
  results: readonly TestResult[],
  options: AnnotationOptions,
): string {
  return listFailures(results)
    .map(({ result, violation }) => annotate(result, violation, options))
    .join('');
}

/**
 * Markdown for the summary of a GitHub job: the tests by peak, and what failed by its memory. Empty
 * without any.
 *
 * @param options.mostAllocations how many tests to show, 0 for all
 */
export function formatJobSummary(
  results: readonly TestResult[],
  options: { mostAllocations: number },
): string {
  const rows = rankByPeak(results, options.mostAllocations).map(formatRow);
  const failures = listFailures(results).map(formatFailure);
  const parts = [...(rows.length > 0 ? [...TABLE_HEAD, ...cut(rows), ''] : []), ...cut(failures)];
  return parts.length > 0 ? ['### Memory of tests', '', ...parts, ''].join('\n') : '';
}

/** As many as there is room for. */
function cut(parts: string[]): string[] {
  let room = MAX_PART_BYTES;
  const end = parts.findIndex((part) => (room -= Buffer.byteLength(part)) < 0);
  return end < 0 ? parts : [...parts.slice(0, end), `...and ${parts.length - end} more`];
}

interface Failure {
  result: TestResult;
  violation: Violation;
}

function listFailures(results: readonly TestResult[]): Failure[] {
  return lastAttempts(results).flatMap((result) =>
    result.violations.map((violation) => ({ result, violation })),
  );
}

function annotate(result: TestResult, { message, stack }: Violation, options: AnnotationOptions) {
  const frame = stack.find((each) => isInProject(each, options));
  const { filename, lineNumber, columnNumber } = frame ?? findTitle(result, options);
  const properties = [
    ['file', resolve(options.cwd, filename)],
    ['line', lineNumber],
    ['col', columnNumber],
    ['title', result.id],
  ] as const;
  const list = properties
    .filter(([, value]) => value !== 0)
    .map(([name, value]) => `${name}=${escapeProperty(String(value))}`);
  return `::error ${list.join(',')}::${escapeData(message)}\n`;
}

/** Only lines of the repository can be annotated, in files that there are: code may come from a URL, or from a text. */
function isInProject({ filename }: Frame, { cwd, readSource }: AnnotationOptions): boolean {
  const isOutside = isAbsolute(filename) || /(^|[\\/])node_modules[\\/]/.test(filename);
  return !isOutside && readSource(resolve(cwd, filename)) !== '';
}

/** Where no line of the project allocated: the test itself, where its title is, if only there. */
function findTitle({ file, titlePath }: TestResult, { cwd, readSource }: AnnotationOptions) {
  const parts = readSource(resolve(cwd, file)).split(titlePath.at(-1)!);
  const lineNumber = parts.length === 2 ? parts[0]!.split('\n').length : 0;
  return { filename: file, lineNumber, columnNumber: 0 };
}

function formatRow({ id, peak, allocations, topLocations }: TestResult): string {
  const locations = topLocations
    .slice(0, 1)
    .map((each) => `${escapeMarkdown(formatPlace(each))} (${formatMemorySize(each.bytes)})`);
  const cells = [
    escapeMarkdown(id),
    `${formatMemorySize(peak.bytes)} (${describePeak(peak)})`,
    allocations.count,
    ...locations,
  ];
  return `| ${cells.join(' | ')} |`;
}

function formatFailure({ result, violation: { message, stack } }: Failure): string {
  const text = [message, ...stack.map(formatStackLine)].join('\n');
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return [`❌ **${escapeMarkdown(result.id)}**`, '', `${fence}text`, text, fence, ''].join('\n');
}

function escapeMarkdown(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_{}[\]<>|~#&]/g, '\\$&');
}

/** As GitHub's toolkit does. */
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
