import type { Session } from 'node:inspector';

/** What sets V8's flags: see `native/call_stack/js_call_stack.cc`. */
interface CompilerSwitch {
  restrictCompilers(): void;
}

// Tests fake it.
const emitWarning = process.emitWarning.bind(process);

let areKept = false;

/**
 * Has V8 keep the compilers whose code does not tell its lines until the first tracker starts,
 * where V8 can discard their code then. To be called before the native part is loaded.
 */
export function keepCompilers(): void {
  areKept = canDiscardCode();
}

/** Whether V8 still has all of its compilers because of {@link keepCompilers}. */
export function areCompilersKept(): boolean {
  return areKept;
}

/** Ends what {@link keepCompilers} began: from here on all code tells its lines. */
export function dropCompilers(addon: CompilerSwitch): void {
  if (!areKept) return;
  areKept = false;
  addon.restrictCompilers();
  try {
    discardCode();
  } catch (error) {
    emitWarning(
      `memray-mocha may show wrong lines for functions that ran often before the first test with a limit: V8 keeps their code (${String(error)}). With \`memray: all\` there is no such code.`,
      { code: 'MEMRAY_MOCHA_KEPT_CODE' },
    );
  }
}

function canDiscardCode(): boolean {
  // Node before 20.16 has no `getBuiltinModule`; the permission model forbids inspectors.
  const canInspect =
    process.features.inspector && 'getBuiltinModule' in process && !('permission' in process);
  // When a debugger goes, V8 forgets what it has counted of blocks. c8 sets this.
  return canInspect && !process.env['NODE_V8_COVERAGE'];
}

/**
 * V8 discards all machine code of functions, also where it is running, before it lets a debugger
 * stop in a function of its own: that may be inlined anywhere. So it is asked to, for one that
 * nobody calls meanwhile.
 */
function discardCode(): void {
  const session = new (process.getBuiltinModule('node:inspector').Session)();
  session.connect();
  try {
    const { result } = post(session, 'Runtime.evaluate', {
      expression: '(async function* () {}).constructor',
    }) as { result: { objectId: string } };
    post(session, 'Debugger.enable');
    post(session, 'Debugger.setBreakpointOnFunctionCall', { objectId: result.objectId });
    post(session, 'Debugger.disable');
  } finally {
    session.disconnect();
  }
}

/** A session of the thread it inspects answers at once. */
function post(session: Session, method: string, params?: object): object | undefined {
  let failure: Error | null = null;
  let answer: object | undefined;
  session.post(method, params, (error, result) => {
    failure = error;
    answer = result;
  });
  if (failure) throw failure as Error;
  return answer;
}
