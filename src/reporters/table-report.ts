import type { AllocationRecord } from '../capture/capture-reader';
import { formatMemorySize } from '../memory-size';
import { displayPath, formatPlace, visibleFrames, type StackView } from '../stack-trace';

const NO_COLUMN = /[\p{Mn}\p{Me}\p{Cf}]/gu;
const TWO_COLUMNS =
  /[\u3000-\u30ff\uff01-\uff60\p{Script=Han}\p{Script=Hangul}\p{Emoji_Presentation}]/gu;

/** One function in the table: with all it calls, and by itself. */
export interface TableRow {
  functionName: string;
  filename: string;
  totalBytes: number;
  ownBytes: number;
  ownCount: number;
}

const HEADINGS = ['Location', 'Total Memory', 'Total %', 'Own Memory', 'Own %', 'Allocations'];

/** Sums rows per function, those with most below them first. */
export function createTable(rows: AllocationRecord[], view: StackView): TableRow[] {
  const table = new Map<string, TableRow>();
  for (const { bytes, count, stack } of rows) {
    const frames = visibleFrames(stack, view);
    const seen = new Set<TableRow>();
    for (const [depth, { functionName, filename }] of frames.entries()) {
      const key = `${functionName}\0${filename}`;
      const row = table.get(key) ?? {
        functionName,
        filename: displayPath(filename, view.cwd),
        totalBytes: 0,
        ownBytes: 0,
        ownCount: 0,
      };
      table.set(key, row);
      if (depth === 0) {
        row.ownBytes += bytes;
        row.ownCount += count;
      }
      // A recursive function holds its memory once.
      if (!seen.has(row)) row.totalBytes += bytes;
      seen.add(row);
    }
  }
  return [...table.values()].sort((a, b) => b.totalBytes - a.totalBytes || b.ownBytes - a.ownBytes);
}

/**
 * The table as text.
 *
 * @param totalBytes what the percentages are of
 */
export function formatTable(table: TableRow[], totalBytes: number): string {
  const percent = (bytes: number): string =>
    `${(totalBytes > 0 ? (bytes / totalBytes) * 100 : 0).toFixed(2)}%`;
  const cells = table.map((row) => [
    formatPlace({ ...row, lineNumber: 0 }, ' at '),
    formatMemorySize(row.totalBytes),
    percent(row.totalBytes),
    formatMemorySize(row.ownBytes),
    percent(row.ownBytes),
    String(row.ownCount),
  ]);
  const widths = HEADINGS.map((heading, column) =>
    cells.reduce((width, row) => Math.max(width, countColumns(row[column]!)), heading.length),
  );
  const rule = (left: string, line: string, middle: string, right: string): string =>
    left + widths.map((width) => line.repeat(width + 2)).join(middle) + right;
  const format = (row: string[], bar: string): string =>
    bar + row.map((cell, column) => ` ${pad(cell, widths[column]!, column)} `).join(bar) + bar;
  return [
    rule('┏', '━', '┳', '┓'),
    format(HEADINGS, '┃'),
    rule('┡', '━', '╇', '┩'),
    ...cells.map((row) => format(row, '│')),
    rule('└', '─', '┴', '┘'),
  ].join('\n');
}

function pad(cell: string, width: number, column: number): string {
  const space = ' '.repeat(width - countColumns(cell));
  return column === 0 ? cell + space : space + cell;
}

/** How many columns of a terminal a text takes. */
function countColumns(text: string): number {
  return [...text.replace(NO_COLUMN, '').replace(TWO_COLUMNS, '  ')].length;
}
