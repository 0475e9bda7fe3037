/* A process as mocha is, with the root hooks: pauses a server, prints its pid, and waits. */
import '../src/root-hooks.ts';
import { spawnServer } from '@chat-cluster/local-cluster';

const [logFile = ''] = process.argv.slice(2);
const command = ['sleep', '600'];
const { pid } = await spawnServer({ command, cwd: '/', env: process.env, logFile, deathSignal: 'TERM' });
process.kill(pid, 'SIGSTOP');
process.stdout.write(String(pid));
setInterval(() => {}, 60_000);
