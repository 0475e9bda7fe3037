import { connect } from 'node:net';

/**
 * Asks the Redis at `url` one command, on a connection of its own, and resolves with the first line of the answer
 * (errors are answers too: "-OOM …"). Words only: no spaces or quotes inside. Rejects when Redis is not there.
 */
export function askRedis(url: string, ...words: string[]): Promise<string> {
  const { hostname, port, password } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: 5_000 });
    let heard = '';
    socket.once('connect', () => socket.write(`AUTH ${decodeURIComponent(password)}\r\n${words.join(' ')}\r\n`));
    socket.once('timeout', () => socket.destroy(new Error(`redis does not answer ${words[0]}`)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`redis closed the connection before it answered ${words[0]}`)));
    socket.on('data', (chunk) => {
      heard += chunk;
      const lines = heard.split('\r\n');
      if (lines.length < 3) return;
      resolve(lines[1] ?? '');
      socket.destroy();
    });
  });
}
