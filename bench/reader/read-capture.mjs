// Reads a capture and prints, as JSON, how long that took: read-capture.mjs <file>
import { CaptureReader } from '../../dist/index.js';
import { readPeakRss } from '../peak-rss.mjs';

const bytesBefore = process.memoryUsage.rss();
const start = performance.now();
const reader = new CaptureReader(process.argv[2] ?? '');
const { allocationCount, deallocationCount } = reader.statistics();
reader.highWaterMark();
reader.leaks();
const ms = performance.now() - start;
const memoryBytes = readPeakRss() - bytesBefore;
reader.close();
console.log(JSON.stringify({ events: allocationCount + deallocationCount, ms, memoryBytes }));
