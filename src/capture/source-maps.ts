/**
 * From a place in a script to where it was written, by the source map that the script names. Not
 * by Node's own `SourceMap`: it ignores `sourceRoot`, and gives places without a mapping that of
 * another line. Nothing is switched on in Node: errors look as they would without us.
 */
import fs from 'node:fs';
import { fileURLToPath, pathToFileURL, URL } from 'node:url';
import {
  AnyMap,
  traceSegment,
  type EncodedSourceMap,
  type SectionedSourceMap,
  type TraceMap,
} from '@jridgewell/trace-mapping';

/** A place in a script; both count from 1. */
export interface Place {
  line: number;
  column: number;
}

/** A place in what a script was made of. */
export interface OriginalPlace extends Place {
  /** A URL; a name that cannot be resolved as the map has it. */
  file: string;
}

/** What V8 knows of a script. */
export interface ScriptDescription {
  /** A path or URL; `''` if unknown. */
  name: string;
  /** `''` if it has none. */
  sourceMappingUrl: string;
}

// Tests may replace functions of fs while they run.
const { readFileSync } = fs;

/** Decoded maps are large, and a module that is loaded again and again is a new script each time. */
const KEPT_MAPS = 500;

/** The source maps of this process's scripts, each read when a call stack first asks for it. */
export class SourceMaps {
  readonly #describe: (scriptId: number) => ScriptDescription;
  readonly #warn: (message: string) => void;
  /** By script, the one used last at the end. */
  readonly #maps = new Map<number, TraceMap | undefined>();
  #hasWarned = false;

  /**
   * @param describe what is known of a script, by V8's id
   * @param warn told of the first map that cannot be read
   */
  constructor(
    describe: (scriptId: number) => ScriptDescription,
    warn: (message: string) => void = (message) =>
      process.emitWarning(message, 'MemrayMochaWarning'),
  ) {
    this.#describe = describe;
    this.#warn = warn;
  }

  /** The original of each place; undefined where the script has no readable map, or the map no word. */
  findOriginals(scriptId: number, places: Place[]): (OriginalPlace | undefined)[] {
    const map = this.#maps.has(scriptId) ? this.#maps.get(scriptId) : this.#read(scriptId);
    this.#keep(scriptId, map);
    return map ? places.map((place) => findOriginal(map, place)) : [];
  }

  #keep(scriptId: number, map: TraceMap | undefined): void {
    this.#maps.delete(scriptId);
    this.#maps.set(scriptId, map);
    if (this.#maps.size > KEPT_MAPS) this.#maps.delete(this.#maps.keys().next().value!);
  }

  #read(scriptId: number): TraceMap | undefined {
    const script = this.#describe(scriptId);
    if (script.sourceMappingUrl === '') return undefined;
    try {
      return readMap(script);
    } catch (error) {
      if (!isOutOfReach(script, error)) this.#warnOnce(script, error);
      return undefined;
    }
  }

  #warnOnce({ name }: ScriptDescription, error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#warn(
      `The source map of ${name} cannot be read: ${(error as Error).message}. Call stacks show its generated lines. Only the first such script is named.`,
    );
  }
}

function readMap({ name, sourceMappingUrl }: ScriptDescription): TraceMap {
  const scriptUrl = toUrl(name);
  if (/^data:/i.test(sourceMappingUrl)) return parseMap(readDataUrl(sourceMappingUrl), scriptUrl);
  const mapUrl = new URL(sourceMappingUrl, scriptUrl);
  return parseMap(readFileSync(fileURLToPath(mapUrl), 'utf8'), mapUrl.href);
}

/** The URL of a path or URL, without its query; undefined for any other name. */
function toUrl(name: string): string | undefined {
  if (name.startsWith('/')) return pathToFileURL(name).href;
  return URL.canParse(name) ? name.replace(/[?#].*$/, '') : undefined;
}

function readDataUrl(url: string): string {
  const comma = url.indexOf(',');
  const data = url.slice(comma + 1);
  return /;base64$/i.test(url.slice(0, comma))
    ? Buffer.from(data, 'base64').toString()
    : decodeURIComponent(data);
}

function parseMap(text: string, url: string | undefined): TraceMap {
  const map = JSON.parse(text) as EncodedSourceMap | SectionedSourceMap;
  prepareMap(map);
  return new AnyMap(map, url);
}

/** Gives sources URLs where they need them, and drops their text, which is not needed. */
function prepareMap(map: EncodedSourceMap | SectionedSourceMap): void {
  if ('sections' in map) {
    for (const section of map.sections) prepareMap(section.map as EncodedSourceMap);
    return;
  }
  map.sources = map.sources.map((source) => source && toSourceUrl(source));
  delete map.sourcesContent;
}

/** Loaders name files by plain paths, in which `#` and `%` mean nothing; packages made on Windows, by its paths. */
function toSourceUrl(source: string): string {
  const path = /^[a-z]:[\\/]/i.test(source) ? `/${source.replaceAll('\\', '/')}` : source;
  return path.startsWith('/') ? pathToFileURL(path).href : source;
}

function findOriginal(map: TraceMap, { line, column }: Place): OriginalPlace | undefined {
  const segment = traceSegment(map, line - 1, column - 1);
  if (!segment || segment.length === 1) return undefined;
  const [, source, originalLine, originalColumn] = segment;
  if (!map.sources[source]) return undefined;
  return {
    file: keepHash(map.resolvedSources[source]!),
    line: originalLine + 1,
    column: originalColumn + 1,
  };
}

/** Bundlers put a query behind a file's name, but nobody a fragment: `#` is part of the name. */
function keepHash(file: string): string {
  return file.startsWith('file:') ? file.replaceAll('#', '%23') : file;
}

/** Of a map that is not there, or that is on a server. */
const NOT_HERE = ['ENOENT', 'ERR_INVALID_URL_SCHEME'];

/**
 * Whether it is nothing that a user could mend: many packages name maps that they do not publish, or not with
 * them, and evaluated code without a name may have one by a path that begins nowhere.
 */
function isOutOfReach({ name }: ScriptDescription, error: unknown): boolean {
  if (name === '') return true;
  const { code = '' } = error as NodeJS.ErrnoException;
  // Nothing is beside a name that is no place, such as Node's `vm:module(0)`.
  if (!/^(\/|file:)/.test(name) && code === 'ERR_INVALID_URL') return true;
  return name.includes('/node_modules/') && NOT_HERE.includes(code);
}
