import { fork } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { describeError } from '@chat-cluster/runtime';

/** Functions that a child process offers to its parent. Arguments and results are plain data or typed arrays. */
type Methods = Record<string, (argument: never) => unknown>;

interface Call {
  id: number;
  method: string;
  argument: never;
}

interface Reply {
  id: number;
  result?: never;
  error?: string;
}

export interface ChildOptions {
  args?: string[];
  /** Added to the environment of this process. */
  env?: NodeJS.ProcessEnv;
  /** Receives the events that the child sends on its own. */
  onEvent?(event: never): void;
}

/** A child process with functions to call. Disposing of it closes its channel and waits until it has ended. */
export interface Child<M extends Methods> extends AsyncDisposable {
  pid: number;
  /** Rejects with the error of the function, or when the child ends before its reply. */
  call<Name extends keyof M & string>(
    method: Name,
    argument: Parameters<M[Name]>[0],
  ): Promise<Awaited<ReturnType<M[Name]>>>;
}

/** Forks `file`, which calls `serveParent`. Calls that are sent before that wait in the channel. */
export function startChild<M extends Methods>(
  file: string,
  { args = [], env = {}, onEvent = () => {} }: ChildOptions = {},
): Child<M> {
  const child = fork(file, args, { env: { ...process.env, ...env }, serialization: 'advanced' });
  const ended = once(child, 'exit');
  const calls: PromiseWithResolvers<never>[] = [];
  child.on('message', (message: Reply | { event: never }) => {
    if ('event' in message) return onEvent(message.event);
    const { id, result, error } = message;
    if (error === undefined) calls[id]?.resolve(result as never);
    else calls[id]?.reject(new Error(error));
  });
  child.once('exit', (code, signal) => {
    for (const { reject } of calls) reject(new Error(`${basename(file)} ended (${signal ?? `exit code ${code}`})`));
  });
  return {
    pid: child.pid ?? 0,
    call(method, argument) {
      const call = Promise.withResolvers<never>();
      const id = calls.push(call) - 1;
      child.send({ id, method, argument } as Call, (error) => error && call.reject(error));
      return call.promise;
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/**
 * In the child process: runs what the parent calls and replies. The process exits when the channel closes. The returned
 * function sends an event to the parent.
 */
export function serveParent(methods: Methods): (event: unknown) => void {
  process.on('disconnect', () => process.exit());
  process.on('message', ({ id, method, argument }: Call) => {
    const reply = (outcome: Omit<Reply, 'id'>) => send({ id, ...outcome });
    Promise.try(methods[method] as Methods[string], argument).then(
      (result) => reply({ result: result as never }),
      (error) => reply({ error: describeError(error) }),
    );
  });
  return (event) => send({ event });
}

function send(message: object): void {
  if (process.connected) process.send?.(message);
}
