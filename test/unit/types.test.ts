// What a TypeScript user writes, in test/types, and mistakes that the types must catch.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const folder = join(__dirname, '..', 'types');

function format(diagnostics: readonly ts.Diagnostic[]): string {
  return ts.formatDiagnostics(diagnostics, {
    ...ts.sys,
    getCanonicalFileName: (file: string) => file,
    getNewLine: () => '\n',
  });
}

describe('the types', function () {
  let program: ts.Program;
  before('compile all of test/types', function () {
    const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} };
    const project = ts.getParsedCommandLineOfConfigFile(join(folder, 'tsconfig.json'), {}, host)!;
    program = ts.createProgram(project.fileNames, project.options);
  });

  for (const name of readdirSync(folder).filter((name) => name !== 'tsconfig.json')) {
    it(`hold what ${name} expects of them`, function () {
      const source = program.getSourceFile(join(folder, name));
      assert.ok(source, `${name} is not in the project`);
      const diagnostics = ts.getPreEmitDiagnostics(program, source);
      assert.equal(format(diagnostics), '');
    });
  }

  it('need no newer library than classes do, where declarations are checked', function () {
    const declarations = join(__dirname, '..', '..', 'dist', 'index.d.ts');
    const old = ts.createProgram([declarations], {
      target: ts.ScriptTarget.ES2015,
      module: ts.ModuleKind.Node16,
      strict: true,
      types: ['mocha', 'node'],
      noEmit: true,
    });
    const own = old.getSourceFiles().filter(({ fileName }) => !fileName.includes('node_modules'));
    assert.equal(format(own.flatMap((file) => ts.getPreEmitDiagnostics(old, file))), '');
  });
});
