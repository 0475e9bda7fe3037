import { connect } from 'node:net';

/**
 * Asks the Redis at `url` one command, on a connection of its own, and resolves with the answer: a text, or the first
 * line of anything else as Redis writes it ("+OK", ":1", "*2", "-OOM …": errors are answers too). Words with spaces
 * stand in quotes. Rejects when Redis is not there.
 */
export function askRedis(url: string, ...words: string[]): Promise<string> {
  const { hostname, port, password } = new URL(url);
  const asked = [...(password === '' ? [] : [`AUTH ${decodeURIComponent(password)}`]), words.join(' ')];
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: 5_000 });
    let heard = '';
    socket.once('connect', () => socket.write(asked.map((line) => `${line}\r\n`).join('')));
    socket.once('timeout', () => socket.destroy(new Error(`redis does not answer ${words[0]}`)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`redis closed the connection before it answered ${words[0]}`)));
    socket.on('data', (chunk) => {
      heard += chunk;
      const answer = parse(
        heard
          .split('\r\n')
          .slice(asked.length - 1)
          .join('\r\n'),
      );
      if (answer === undefined) return;
      resolve(answer);
      socket.destroy();
    });
  });
}

/** Undefined: not all there yet. */
function parse(answer: string): string | undefined {
  const end = answer.indexOf('\r\n');
  if (end < 0) return undefined;
  const first = answer.slice(0, end);
  if (!first.startsWith('$')) return first;
  const text = answer.slice(end + 2);
  const length = Number(first.slice(1));
  return text.length < length ? undefined : text.slice(0, length);
}

/** Throws unless an answer is as expected. */
export function expectAnswer(answer: string, expected: RegExp): void {
  if (!expected.test(answer)) throw new Error(`redis answers ${answer} instead of ${expected}`);
}
