import type { Logger } from './logger.ts';

/** Time within which the same text is logged once, in ms: a library may print a warning for each of its connections. */
const ONCE_PER_MS = 60_000;
/** Texts that are remembered for this. */
const MAX_TEXTS = 1_000;

let processLogger: Logger | undefined;

/** The logger that `captureOutput` was called with. Undefined in a process that prints for itself, such as a command. */
export function loggerOfProcess(): Logger | undefined {
  return processLogger;
}

/**
 * Turns everything that the process prints into log lines: what libraries write to stdout (info) and stderr (warn),
 * also by `console`, and warnings of Node. One write is one line. The logger itself writes to its file descriptor and
 * is not affected. Not covered: the last words of Node when it aborts, for example without memory.
 */
export function captureOutput(logger: Logger): void {
  processLogger = logger;
  const isNew = onceAMinute();
  capture(process.stdout, (text) => isNew(text) && logger.info({ printed: 'stdout' }, text));
  capture(process.stderr, (text) => isNew(text) && logger.warn({ printed: 'stderr' }, text));
  // The listener that prints.
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (isNew(`${warning.name}: ${warning.message}`)) logger.warn({ err: warning }, `node: ${warning.message}`);
  });
}

function capture(stream: NodeJS.WriteStream, log: (text: string) => void): void {
  type Write = typeof stream.write;
  type Written = (error?: Error | null) => void;
  stream.write = ((chunk: string | Uint8Array, encoding?: BufferEncoding | Written, written?: Written): boolean => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    if (text.trim() !== '') log(text.trimEnd());
    const callback = typeof encoding === 'function' ? encoding : written;
    if (callback) process.nextTick(callback);
    return true;
  }) as Write;
}

/** Returns false for a text that it received less than ONCE_PER_MS ago. */
function onceAMinute(): (text: string) => boolean {
  const texts = new Map<string, number>();
  return (text) => {
    const now = performance.now();
    const isNew = now - (texts.get(text) ?? Number.NEGATIVE_INFINITY) >= ONCE_PER_MS;
    if (texts.size >= MAX_TEXTS) texts.clear();
    if (isNew) texts.set(text, now);
    return isNew;
  };
}
