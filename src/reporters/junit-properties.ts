import type { TestResult } from '../test-result';

/** What JUnit's XML says of a test beyond its outcome. */
export interface JunitProperty {
  name: string;
  value: string | number;
}

/** A test's memory. */
export function listProperties(result: TestResult): JunitProperty[] {
  const { peak, allocations, violations } = result;
  const properties = [
    { name: 'memray.peakBytes', value: peak.bytes },
    { name: 'memray.peakNativeBytes', value: peak.nativeBytes },
    { name: 'memray.peakJsHeapBytes', value: peak.jsHeapBytes },
    { name: 'memray.allocationCount', value: allocations.count },
    { name: 'memray.allocationBytes', value: allocations.bytes },
  ];
  const failures = violations.map(({ kind }) => ({ name: 'memray.violation', value: kind }));
  return [...properties, ...failures];
}

/**
 * Puts properties into a line that begins with a `<testcase>`; none of their characters means
 * anything in XML.
 */
export function insertProperties(line: string, properties: JunitProperty[]): string {
  const children = properties.map(
    ({ name, value }) => `<property name="${name}" value="${value}"/>`,
  );
  const element = `<properties>${children.join('')}</properties>`;
  return line.replace(/^(<testcase [^>]*?)(\/?)>/, (_, start: string, empty: string) =>
    empty ? `${start}>${element}</testcase>` : `${start}>${element}`,
  );
}
