import { readFileSync } from 'node:fs';
import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import jsdoc from 'eslint-plugin-jsdoc';
import globals from 'globals';
import tseslint from 'typescript-eslint';

// Data flows one way: each entry names a part of src/, what it must not import, and why.
const walls = [
  {
    part: ['builtins.ts', 'errors.ts', 'memory-size.ts', 'call-stack.ts', 'make-folder.ts'],
    mustNotImport: ['**/!(builtins|errors).ts'],
    because: 'A leaf imports nothing of ours but leaves, so that every part can use it.',
  },
  {
    part: ['capture'],
    mustNotImport: ['native', 'limits', 'mocha', 'reporters', 'cli', 'register.ts', 'index.ts'],
    because:
      'A capture is read without tracker or Mocha: the command line reads it on another machine.',
  },
  {
    part: ['native'],
    mustNotImport: ['limits', 'mocha', 'reporters', 'cli', 'register.ts', 'index.ts'],
    because: 'The tracker only records; what is done with a capture is decided above it.',
  },
  {
    part: ['objects'],
    mustNotImport: [
      'capture',
      'native',
      'limits',
      'mocha',
      'reporters',
      'cli',
      'register.ts',
      'index.ts',
    ],
    because: 'A snapshot of the heap is read without tracker or Mocha: from JSON to objects.',
  },
  {
    part: ['limits'],
    mustNotImport: ['baseline', 'native', 'mocha', 'reporters', 'cli', 'register.ts', 'index.ts'],
    because: 'A limit is pure: from a capture to a verdict that owns its texts.',
  },
  {
    part: ['baseline'],
    mustNotImport: [
      'capture',
      'limits',
      'native',
      'mocha',
      'reporters',
      'cli',
      'register.ts',
      'index.ts',
    ],
    because: 'The baseline is keys and bytes in a file; what they are of is decided above it.',
  },
  {
    part: ['reporters/**/!(mocha-reporter).ts'],
    mustNotImport: ['native', 'mocha', 'cli', 'register.ts', 'index.ts'],
    because: 'A reporter takes data and returns text; only the Mocha reporter knows Mocha.',
  },
  {
    part: ['cli'],
    mustNotImport: ['native', 'limits', 'mocha', 'register.ts', 'index.ts'],
    because: 'The command line opens captures anywhere: without tracker and without Mocha.',
  },
  {
    part: ['mocha'],
    mustNotImport: ['cli', 'register.ts', 'index.ts'],
    because: 'register.ts wires the Mocha part; the Mocha part knows nothing of its entries.',
  },
];

const requireCall = {
  selector:
    'CallExpression[callee.name="require"]:not([arguments.0.value=/^node:/]), MemberExpression[object.name="process"][property.name="dlopen"]',
  message:
    'Only src/native/addon.ts loads a .node file: it knows where it is and checks that it fits this Node.',
};
const webAssembly = {
  name: 'WebAssembly',
  message:
    'Only src/capture/parser-module.ts touches WebAssembly: nobody else knows the layout of its memory.',
};
const mochaPackage = {
  name: 'mocha',
  message:
    'Only src/mocha, register.ts and the Mocha reporter import mocha: the rest runs without it.',
};

// Every file that src/index.ts exports from is public: its exports must be documented.
const publicFiles = [...readFileSync('src/index.ts', 'utf8').matchAll(/from '\.\/(.+?)'/g)].map(
  (match) => `src/${match[1]}.ts`,
);

export default defineConfig(
  {
    ignores: [
      'dist/',
      'build/',
      'prebuilds/',
      '.cache/',
      'assembly/',
      'test/package/project/*.ts',
      '**/node_modules/',
    ],
  },
  eslint.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.js'] })] },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': [
        'error',
        {
          zones: walls.map(({ part, mustNotImport, because }) => ({
            target: part.map((path) => `src/${path}`),
            from: mustNotImport.map((path) => `src/${path}`),
            message: because,
          })),
        },
      ],
      'no-restricted-imports': ['error', { paths: [mochaPackage] }],
      'no-restricted-globals': ['error', webAssembly],
      'no-restricted-syntax': ['error', requireCall],
      '@typescript-eslint/no-require-imports': ['error', { allow: ['^node:'] }],
    },
  },
  {
    files: ['src/mocha/**/*.ts', 'src/register.ts', 'src/reporters/mocha-reporter.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  {
    files: ['src/native/addon.ts'],
    rules: { 'no-restricted-syntax': 'off', '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    files: ['src/capture/parser-module.ts'],
    rules: { 'no-restricted-globals': 'off' },
  },
  {
    files: ['src/index.ts', ...publicFiles],
    plugins: { jsdoc },
    rules: {
      'jsdoc/require-jsdoc': [
        'error',
        {
          publicOnly: true,
          enableFixer: false,
          require: { ClassDeclaration: true, FunctionDeclaration: true, MethodDefinition: true },
          contexts: ['TSInterfaceDeclaration', 'TSTypeAliasDeclaration'],
          checkConstructors: false,
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // Helpers hand out objects whose functions use no `this`, for tests to take apart.
      '@typescript-eslint/unbound-method': 'off',
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['**/src/**'],
              message:
                'Import from dist/: what is tested is what is shipped, with its WebAssembly and native binary.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.{js,cjs,mjs}'],
    languageOptions: {
      globals: globals.node,
    },
  },
  {
    files: ['**/*.cjs', 'bin/*.js', 'examples/**/*.js', 'test/**/*.js'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { ...globals.node, ...globals.mocha },
    },
  },
);
