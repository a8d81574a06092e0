// W4: programs that people run. Their packages are installed by install-packages.mjs.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { betterSqlite3Binary } from '../better-sqlite3.mjs';

const TYPESCRIPT_CHARACTERS = 3e6;
const INSERTS = 150_000;

const require = createRequire(import.meta.url);

/**
 * Their types are only there once they are installed.
 *
 * @param {string} name
 * @returns {any}
 */
const load = (name) => require(name);

/** @type {import('./index.mjs').Workload[]} */
export const programWorkloads = [
  {
    name: 'W4-typescript',
    title: 'TypeScript transpiling 3 MB of itself',
    allocates: ['objects'],
    prepare: () => {
      const { transpileModule, ScriptTarget } = require('typescript');
      const file = require.resolve('typescript/lib/typescript.js');
      const text = readFileSync(file, 'utf8').slice(0, TYPESCRIPT_CHARACTERS);
      return () => transpileModule(text, { compilerOptions: { target: ScriptTarget.ES2022 } });
    },
  },
  {
    name: 'W4-terser',
    title: 'terser minifying the package acorn',
    allocates: ['objects'],
    needsPackages: true,
    prepare: () => {
      const { minify } = load('terser');
      // Which terser itself depends on.
      const text = readFileSync(require.resolve('acorn'), 'utf8');
      return () => minify(text);
    },
  },
  {
    name: 'W4-sqlite',
    title: '150,000 inserts with better-sqlite3',
    allocates: ['objects', 'native memory'],
    needsPackages: true,
    prepare: () => {
      const database = new (load('better-sqlite3'))(':memory:', {
        nativeBinding: betterSqlite3Binary,
      });
      database.exec('CREATE TABLE notes (title TEXT, body BLOB)');
      const insert = database.prepare('INSERT INTO notes VALUES (?, ?)');
      const body = Buffer.alloc(100, 'x');
      return () => {
        for (let i = 0; i < INSERTS; i++) insert.run(`note ${i}`, body);
      };
    },
  },
];
