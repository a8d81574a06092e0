import type { CallStack, Frame } from '../call-stack';
import type { AllocationRecord } from '../capture/capture-reader';

/**
 * Where Node, once in a process, for its first worker, keeps the code of its own modules; V8 the
 * table of all names, which old objects refer to young ones, and the memory in which it notes where to
 * split the next text, as much as the largest so far took; and what V8, ICU, the library
 * behind `Intl` and `toLocaleString`, and OpenSSL make when it is first used.
 */
const KEEPERS = new RegExp(
  [
    /BuiltinLoader::SaveCodeCache/,
    /internal::StringTable::|InsertIntoRememberedSet|internal::FindStringIndicesDispatch\(/,
    /v8::base::CallOnceImpl|\binit\w*\(UErrorCode&\)|\binit_entry\(/,
    /evp_generic_fetch|\bnamemap_add_name|\bCRYPTO_THREAD_run_once|\bERR_load_strings/,
  ]
    .map(({ source }) => source)
    .join('|'),
);
/** Where Node reads the certificates that it trusts, and the function with which it reads any. */
const ROOT_CERTIFICATES = /RootCert|CACertificates/;
const READS_CERTIFICATES = 'PEM_ASN1_read_bio';
/**
 * Where Node makes, once in a process, what it keeps: the modules of its own; the context in which it runs regular
 * expressions of its own; the parser of `fetch` and the certificates that it trusts.
 */
const OWN_PLACES = [
  { functionName: /^compileForInternalLoader$/, filename: 'node:internal/bootstrap/realm' },
  { functionName: /^getInternalGlobal$/, filename: 'node:internal/util' },
  { functionName: /^lazyllhttp$/, filename: 'node:internal/deps/undici/undici' },
  { functionName: /^cache\w*RootCertificates$/, filename: 'node:tls' },
];
/** The compiler of TypeScript, in WebAssembly, whose memory grows as it needs it, and stays. */
const TYPESCRIPT_COMPILER = 'node:internal/deps/amaro/';
/** Where Node makes the buffer into which it reads next from any socket, or for any parser of HTTP. */
const READ_BUFFERS = /StreamReadSlab::Allocate|\bParser::OnStreamAlloc/;
const READ_BUFFER_BYTES = 64 * 1024;
/** The call stack of objects that are made while no JavaScript runs. */
const NO_JAVASCRIPT = '<unknown>';

/** Whether V8 or Node keeps it for all that runs in the process: what a test leaves of it is no leak. */
export function isOfPlatform(row: AllocationRecord): boolean {
  return isOfV8(row) || isPoolInUse(row);
}

/**
 * Objects that V8 makes for itself, as it compiles, are no leak of the test's, nor is what V8 and
 * Node keep for all. But the messages of a worker are, which are made while no JavaScript runs.
 */
function isOfV8({ stack, heap }: AllocationRecord): boolean {
  if (stack.frames.some(isOwnPlace)) return true;
  return heap === 'js'
    ? stack.frames.every(
        ({ kind, functionName }) => kind === 'native' && functionName !== NO_JAVASCRIPT,
      )
    : stack.frames.some(
        ({ functionName, filename }) =>
          KEEPERS.test(functionName) || filename.startsWith(TYPESCRIPT_COMPILER),
      ) || isOfRootCertificate(stack);
}

/** Of a store that Node makes of them, only the certificates: each is read once, a store may be the test's. */
function isOfRootCertificate({ frames }: CallStack): boolean {
  return (
    frames.some(({ functionName }) => functionName.startsWith(READS_CERTIFICATES)) &&
    frames.some(({ functionName }) => ROOT_CERTIFICATES.test(functionName))
  );
}

function isOwnPlace(frame: Frame): boolean {
  return OWN_PLACES.some(
    ({ functionName, filename }) =>
      frame.filename === filename && functionName.test(frame.functionName),
  );
}

/**
 * Whether it is one slab of Node's pool, out of which it cuts small Buffers, or one buffer to read into: there
 * always is one.
 */
function isPoolInUse({ stack, heap, bytes }: AllocationRecord): boolean {
  if (heap !== 'native') return false;
  if (stack.frames.some(({ functionName }) => READ_BUFFERS.test(functionName)))
    return bytes < 2 * READ_BUFFER_BYTES;
  return (
    bytes < 2 * Buffer.poolSize &&
    stack.frames.some(
      ({ functionName, filename }) => functionName === 'createPool' && filename === 'node:buffer',
    )
  );
}
