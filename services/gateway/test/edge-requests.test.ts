import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { ERRORS, type ErrorCode, problem } from '@chat-cluster/contracts';
import { connect, newUser, startTestCluster, type TestCluster, tokenFor } from '@chat-cluster/testkit';
import { openPolling, POLLING } from '@chat-cluster/testkit/balancers';
import { expect } from 'chai';

const KEY = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
const WEBSOCKET = `Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${KEY}`;

for (const [name, gatewayProcesses] of [
  ['one process', 1],
  ['two processes behind one port', 2],
] as const) {
  describe(`requests of strangers to a gateway of ${name}`, () => {
    let cluster: TestCluster;
    const sockets: Socket[] = [];

    before(async () => {
      cluster = await startTestCluster({ gatewayProcesses, env: { LOG_LEVEL: 'info' } });
    });
    after(() => cluster.stop());
    afterEach(() => {
      for (const socket of sockets.splice(0)) socket.destroy();
    });

    /** A connection on which `head` was sent. Its client goes on sending when the server has ended its side. */
    function send(head: string): Socket {
      const socket = connectTcp({ port: cluster.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      socket.on('error', () => {});
      sockets.push(socket);
      socket.write(head);
      return socket;
    }

    /**
     * Resolves when the server has closed the connection, in both directions: it takes no bytes any more. The server's
     * end alone is not enough.
     */
    function closed(socket: Socket): Promise<void> {
      const probe = setInterval(() => socket.readableEnded && socket.write('x'), 50);
      return new Promise((resolve) =>
        socket.once('close', () => {
          clearInterval(probe);
          resolve();
        }),
      );
    }

    const supervisor = () => cluster.processes.find((one) => one.name === 'gateway')?.pid ?? 0;

    /** The gateway's process and its forks. */
    function pids(): string[] {
      const file = `/proc/${supervisor()}/task/${supervisor()}/children`;
      return [String(supervisor()), ...execFileSync('cat', [file], { encoding: 'utf8' }).split(' ').filter(Boolean)];
    }

    /** Memory of all processes of the gateway, in MB. */
    async function memory(): Promise<number> {
      const files = await Promise.all(pids().map((pid) => readFile(`/proc/${pid}/status`, 'utf8')));
      return files.reduce((sum, file) => sum + Number(/VmRSS:\s+(\d+) kB/.exec(file)?.[1]) / 1_024, 0);
    }

    async function cutConnections(reason: string): Promise<number> {
      const port = cluster.processes.find((one) => one.name === 'gateway')?.adminPort;
      const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      return Number(
        new RegExp(`^chat_connections_cut_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(metrics)?.[1] ?? 0,
      );
    }

    it('cuts only the connection of an upgrade with a length whose client does not read', async () => {
      const before = pids();
      const socket = send(
        `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nContent-Length: 0\r\n${WEBSOCKET}\r\n`,
      );
      expect(String((await once(socket, 'data'))[0])).to.match(/^HTTP\/1.1 101 /);
      socket.pause();
      // A masked text frame: the packet CONNECT of an unknown namespace, which gets an error as its answer.
      const frame = Buffer.concat([Buffer.from([0x81, 0x85, 0, 0, 0, 0]), Buffer.from('40/x,')]);
      const frames = Buffer.alloc(frame.length * 6_000, frame);
      const end = closed(socket);
      const write = () => {
        if (socket.writable) socket.write(frames, write);
      };
      write();
      await end;
      for (let i = 0; i < 10; i++) expect((await fetch(`${cluster.url}/healthz`)).status).to.equal(200);
      expect(pids()).to.deep.equal(before);
    });

    it('serves requests whose upgrade offer it does not take', async () => {
      const h2c = 'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
      expect(await text(send(`GET /healthz HTTP/1.1\r\nHost: x\r\n${h2c}\r\n`))).to.match(/^HTTP\/1.1 200 /);
      const offer = 'Connection: Upgrade, close\r\nUpgrade: x\r\nContent-Length: 2\r\n';
      expect(await text(send(`POST / HTTP/1.1\r\nHost: x\r\n${offer}\r\n{}`))).to.match(/^HTTP\/1.1 405 /);
      const poll = `GET ${POLLING} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n`;
      expect(await text(send(poll))).to.match(/^HTTP\/1.1 200 [\s\S]*"upgrades":\["websocket"\]/);
    });

    it('closes within 10 s: upgrades that it does not take, answered requests with a length, requests that do not end', async () => {
      const started = performance.now();
      const late = [send('GET /heal'), send('GET /healthz HTTP/1.1\r\nHost: x\r\n'), send('\r\n\r\n')].map(text);
      const heads = [
        `GET /nothing HTTP/1.1\r\n${WEBSOCKET}\r\n`,
        `GET /healthz HTTP/1.1\r\n${WEBSOCKET}\r\n`,
        `GET /nothing HTTP/1.1\r\n${WEBSOCKET}Content-Length: 0\r\n\r\n`,
        `GET /socket.io/?EIO=4&transport=nothing HTTP/1.1\r\n${WEBSOCKET}\r\n`,
        'POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}',
      ];
      await Promise.all(heads.map((head) => closed(send(head).resume())));
      for (const response of await Promise.all(late)) expectProblem(response, 408, 'TIMEOUT');
      expect(performance.now() - started).to.be.lessThan(10_000);
    });

    /** The response has the status, and a body with the code. */
    function expectProblem(response: string, status: number, code: ErrorCode): void {
      const [head = '', body = ''] = response.split('\r\n\r\n');
      expect(head).to.match(new RegExp(`^HTTP/1.1 ${status} `));
      expect(head.toLowerCase()).to.include('content-type: application/json; charset=utf-8');
      expect(head.toLowerCase()).to.include(`content-length: ${Buffer.byteLength(body)}`);
      const { error } = problem.strict().parse(JSON.parse(body));
      expect(error).to.include({ code, retryable: ERRORS[code].retryable });
    }

    const REFUSED: [name: string, request: string, status: number, code: ErrorCode][] = [
      ['bytes that are no HTTP', '\x16\x03\x01\x02\r\n\r\n', 400, 'VALIDATION_FAILED'],
      ['a header without a colon', 'GET / HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n', 400, 'VALIDATION_FAILED'],
      ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400, 'VALIDATION_FAILED'],
      [
        'two lengths',
        'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
        400,
        'VALIDATION_FAILED',
      ],
      ['a path that does not exist', 'GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404, 'NOT_FOUND'],
      [
        'an Expect that is unknown',
        'GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: x\r\nConnection: close\r\n\r\n',
        417,
        'VALIDATION_FAILED',
      ],
      [
        'a request line that is too long',
        `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
        431,
        'VALIDATION_FAILED',
      ],
      [
        'headers that are too long',
        `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
        431,
        'VALIDATION_FAILED',
      ],
    ];
    for (const [name, request, status, code] of REFUSED) {
      it(`answers ${name} with ${status} ${code}`, async () => {
        expectProblem(await text(send(request)), status, code);
      });
    }

    it('answers a packet over long-polling that is too large with 413, and the session goes on', async () => {
      const { sid } = await openPolling(cluster.url);
      const post = (body: string) => {
        const head = `Host: x\r\nConnection: close\r\nContent-Length: ${body.length}`;
        return text(send(`POST ${POLLING}&sid=${sid} HTTP/1.1\r\n${head}\r\n\r\n${body}`));
      };
      const response = await post('4'.repeat(17_000));
      expectProblem(response, 413, 'VALIDATION_FAILED');
      expect(response).to.include('A packet may have at most 131072 bytes, and 16384 before authentication.');
      const connect = `40${JSON.stringify({ token: tokenFor(cluster, newUser('u')) })}`;
      expect(await post(connect)).to.match(/^HTTP\/1.1 200 [\s\S]*ok$/);
    });

    it("keeps the shape of engine.io's own errors", async () => {
      for (const [query, code, message] of [
        ['EIO=4&transport=polling&sid=unknown', 1, 'Session ID unknown'],
        ['EIO=4&transport=nothing', 0, 'Transport unknown'],
      ] as const) {
        const response = await fetch(`${cluster.url}/socket.io/?${query}`);
        expect([response.status, await response.json()]).to.deep.equal([400, { code, message }]);
      }
    });

    it('connects long-polling clients with a parameter whose name ends in sid', async () => {
      for (let i = 0; i < 12; i++) {
        const query = { sessid: 'abcdefghijklmnopqrstuvwxyz', xsid: 'abcdefghij0123456789' };
        (await connect(cluster, newUser('u'), { transports: ['polling'], query })).close();
      }
    });

    it('finds the session of a request whose first line arrives in parts', async () => {
      for (let i = 0; i < 8; i++) {
        const { sid } = await openPolling(cluster.url);
        const socket = send(`POST ${POLLING}&sid=${sid.slice(0, 12)}`);
        // When the gateway answers this, it has read the first part.
        for (let round = 0; round < 3; round++) await fetch(`${cluster.url}/healthz`);
        const body = `40${JSON.stringify({ token: tokenFor(cluster, newUser('u')) })}`;
        const head = `Host: x\r\nConnection: close\r\nContent-Length: ${body.length}`;
        socket.write(`${sid.slice(12)} HTTP/1.1\r\n${head}\r\n\r\n${body}`);
        expect(await text(socket)).to.match(/^HTTP\/1.1 200 [\s\S]*ok$/);
      }
    });

    it('reads no body that it has no use for, and serves others meanwhile', async () => {
      const memoryBefore = await memory();
      const senders = ['/api/conversations', '/nothing', POLLING, '/api/conversations'].map((path) => {
        const socket = send(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n`).resume();
        const chunk = Buffer.alloc(1_048_576, 'x');
        const write = () => {
          if (socket.writable) socket.write(chunk, write);
        };
        write();
        return closed(socket);
      });
      let slowestMs = 0;
      let ended = false;
      void Promise.all(senders).then(() => {
        ended = true;
      });
      do {
        const started = performance.now();
        await fetch(`${cluster.url}/healthz`);
        slowestMs = Math.max(slowestMs, performance.now() - started);
      } while (!ended);
      expect(slowestMs).to.be.lessThan(2_000);
      expect((await memory()) - memoryBefore).to.be.lessThan(300);
    });

    it('cuts a connection with too many requests that wait for their responses', async () => {
      const sid = (await openPolling(cluster.url)).sid;
      const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
      const post = `POST ${POLLING}&sid=unknown HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}`;
      const floods = [get('/').repeat(2_000), get(`${POLLING}&sid=${sid}`) + get('/').repeat(2_000), post.repeat(500)];
      for (const flood of floods) {
        const socket = send(flood);
        const received = text(socket).catch(() => '');
        await closed(socket);
        expect((await received).match(/HTTP\/1.1/g) ?? []).to.have.length.below(10);
      }
      expect(await cutConnections('pipelining')).to.equal(floods.length);
    });

    it('cuts connections whose body is in too many parts or has too many bytes on the wire, also after the response', async () => {
      const before = await cutConnections('body_parts');
      const sids = await Promise.all(Array.from({ length: 3 }, async () => (await openPolling(cluster.url)).sid));
      const parts = '1\r\nx\r\n'.repeat(200_000);
      const [zeros, extensions] = ['0'.repeat(20_000_000), `1;${'a'.repeat(15_000)}\r\nx\r\n`.repeat(1_000)];
      const polls = [parts, zeros, extensions].map((body, i) => [`POST ${POLLING}&sid=${sids[i]}`, body] as const);
      const answered = [
        ['POST /api/conversations', parts] as const,
        ['POST /healthz', parts, 'Expect: x\r\n'] as const,
      ];
      const bodies = [...polls, ...answered];
      for (const [line, body, header = ''] of bodies) {
        const socket = send(`${line} HTTP/1.1\r\nHost: x\r\n${header}Transfer-Encoding: chunked\r\n\r\n`);
        socket.resume().write(body);
        await closed(socket);
      }
      // With several processes a connection also ends by itself after its response.
      const cut = (await cutConnections('body_parts')) - before;
      expect(cut).to.be.within(bodies.length - (gatewayProcesses > 1 ? 1 : 0), bodies.length);
    });

    it('reads a body that arrives in 250 chunks, and serves the next request of the connection', async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const post = (path: string) =>
        new Promise<number | undefined>((resolve, reject) => {
          const sent = request(cluster.url + path, { agent, method: 'POST' }, (response) =>
            response.resume().once('end', () => resolve(response.statusCode)),
          );
          sent.once('error', reject);
          for (let i = 0; i < 250; i++) sent.write('6'.repeat(64));
          sent.end();
        });
      for (let i = 0; i < 3; i++) expect(await post('/nothing')).to.equal(404);
      const { sid } = await openPolling(cluster.url);
      expect(await post(`${POLLING}&sid=${sid}`)).to.equal(200);
      agent.destroy();
    });

    it('keeps a session on its process when an agent keeps connections alive', async () => {
      const sids = await Promise.all(Array.from({ length: 8 }, async () => (await openPolling(cluster.url)).sid));
      for (const sid of [...sids, ...sids]) {
        await fetch(`${cluster.url}/healthz`);
        const post = await fetch(`${cluster.url}${POLLING}&sid=${sid}`, { method: 'POST', body: '6' });
        expect([post.status, await post.text()]).to.deep.equal([200, 'ok']);
      }
    });
  });
}
