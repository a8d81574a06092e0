/** The known name that is fewest edits away from `name`. */
export function findNearestName(
  name: string,
  known: readonly string[],
): { name: string; distance: number } {
  const ranked = known.map((each) => ({ name: each, distance: countEdits(name, each) }));
  return ranked.reduce((best, each) => (each.distance < best.distance ? each : best));
}

/** Levenshtein's distance, one row at a time. */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
